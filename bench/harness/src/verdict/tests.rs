//! The verdict must be able to fail: each promise is broken once in an otherwise clean state.

use super::*;
use crate::found::FoundJob;

const FILES: [&str; 2] = ["a", "b"];

fn clean() -> (Vec<Entry>, Evidence) {
    let hash = |id: &str| format!("hash of {id}");
    let entry = |id: &&str| Entry {
        id: (*id).to_owned(),
        name: format!("name of {id}"),
        sha256: hash(id),
        size: 10,
        at: Timestamp::UNIX_EPOCH,
    };
    let ledger: Vec<Entry> = FILES.iter().map(entry).collect();
    let file = |entry: &Entry| FoundFile {
        id: entry.id.clone(),
        name: entry.name.clone(),
        status: "ready".to_owned(),
        sha256: entry.sha256.clone(),
        size: entry.size,
    };
    let job = |kind: &str, file: &str| FoundJob {
        kind: kind.to_owned(),
        file: file.to_owned(),
        completed: true,
        crashes: 0,
        finished_at: Timestamp::UNIX_EPOCH + Duration::from_secs(5),
    };
    let found = Evidence {
        files: ledger.iter().map(file).collect(),
        notified: FILES.map(str::to_owned).to_vec(),
        jobs: FILES.iter().flat_map(|id| ONCE.map(|kind| job(kind, id))).collect(),
        queued: Vec::new(),
        usage: 20,
        blobs: FILES.iter().map(|id| ((*id).to_owned(), hash(id))).collect(),
        incoming: Vec::new(),
    };
    (ledger, found)
}

/// The numbers of lost, duplicated and stray items after something was broken.
fn broken(damage: impl FnOnce(&mut Vec<Entry>, &mut Evidence)) -> (usize, usize, usize) {
    let (mut ledger, mut found) = clean();
    damage(&mut ledger, &mut found);
    let verdict = Verdict::of(&ledger, &[], &found);
    assert!(!verdict.is_clean());
    (verdict.lost.len(), verdict.duplicated.len(), verdict.strays.len())
}

#[test]
fn what_is_as_promised_is_clean_and_so_is_an_upload_whose_answer_was_lost() {
    let (mut ledger, found) = clean();
    assert!(Verdict::of(&ledger, &[], &found).is_clean());
    ledger.pop();
    let verdict = Verdict::of(&ledger, &[], &found);
    assert!(verdict.is_clean());
    assert_eq!((verdict.accepted, verdict.effected, verdict.unanswered), (1, 1, 1));
}

#[test]
fn an_acknowledged_upload_whose_effects_are_not_all_there_is_lost() {
    let forged = |ledger: &mut Vec<Entry>, _: &mut Evidence| ledger[0].id = "never stored".to_owned();
    assert_eq!(broken(forged).0, 1);
    assert_eq!(broken(|_, found| found.files[0].status = "failed".to_owned()).0, 1);
    assert_eq!(broken(|_, found| found.files[0].sha256 = "another".to_owned()).0, 1);
    assert_eq!(broken(|_, found| found.files[0].name = "another".to_owned()).0, 1);
    assert_eq!(broken(|_, found| found.blobs[0].1 = "another".to_owned()).0, 1);
    assert_eq!(broken(|_, found| drop(found.blobs.pop())), (1, 0, 1));
    assert_eq!(broken(|_, found| drop(found.notified.pop())).0, 1);
    assert_eq!(broken(|_, found| drop(found.files.pop())).0, 1);
}

#[test]
fn an_effect_that_is_there_twice_is_duplicated() {
    assert_eq!(broken(|_, found| found.notified.push("a".to_owned())), (0, 1, 0));
    assert_eq!(broken(|_, found| found.jobs.push(found.jobs[0].clone())), (0, 1, 0));
    assert_eq!(broken(|ledger, _| ledger.push(ledger[0].clone())), (0, 1, 0));
}

#[test]
fn what_is_left_over_or_counts_wrongly_is_a_stray() {
    assert_eq!(broken(|_, found| found.usage = 21), (0, 0, 1));
    assert_eq!(broken(|_, found| found.incoming.push("half".to_owned())), (0, 0, 1));
    assert_eq!(broken(|_, found| found.queued.push("files.process_upload".to_owned())), (0, 0, 1));
    assert_eq!(broken(|_, found| found.blobs.push(("c".to_owned(), String::new()))), (0, 0, 1));
    assert_eq!(broken(|_, found| found.jobs[3].completed = false), (0, 0, 1));
}

#[test]
fn recovery_is_counted_from_the_restart_after_the_first_kill_that_caught_a_file() {
    let (ledger, found) = clean();
    let at = |seconds| Timestamp::UNIX_EPOCH + Duration::from_secs(seconds);
    let kill = |killed, ready, of_jobs| Kill { at: at(killed), ready: at(ready), of_jobs };
    let kills = [kill(1, 2, false), kill(2, 3, true), kill(4, 5, true), kill(9, 9, true)];
    let verdict = Verdict::of(&ledger, &kills, &found);
    assert_eq!(verdict.recovery, [Duration::from_secs(2); 2]);
}
