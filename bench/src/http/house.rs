//! The processes that are measured: each is there for as long as its database is measured.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use harness::Deployment;
use harness::process::Process;
use serde_json::{Value, json};
use tenfold::data::Dialect;

use super::routes::{self, BenchOwners};
use crate::place::{PostgresServer, place};

/// So many connections at most.
const MOST: usize = 32;

/// A server that is measured.
pub struct MeasuredServer {
    pub case: String,
    pub process: Process,
    /// Which place it works in.
    place: usize,
}

/// A reference backend that is measured beside `ours`: another build of it, or the same with other settings.
pub struct OtherBackend {
    pub case: String,
    pub program: PathBuf,
    /// Keys, such as `why.record`, and their values.
    pub settings: Vec<(String, String)>,
}

/// All servers of one database.
pub struct House {
    pub dialect: Dialect,
    /// `ours` first.
    pub targets: Vec<MeasuredServer>,
    /// Dropped last, when nobody works there any more.
    places: Vec<Deployment>,
}

impl House {
    /// Starts them, fills the tables, and compares what they say. Each of `others` has a database of its own.
    ///
    /// # Errors
    /// When one cannot be started, or says something else.
    pub fn build(
        ours: &Path,
        others: &[OtherBackend],
        peer: &Path,
        dialect: Dialect,
        server: Option<&PostgresServer>,
    ) -> anyhow::Result<Self> {
        let mut house = House { dialect, targets: Vec::new(), places: Vec::new() };
        let itself = OtherBackend { case: "ours".to_owned(), program: ours.to_owned(), settings: Vec::new() };
        let people = house.move_in(&itself, peer, server)?;
        let (url, owner) = (address(&house.places[0]), people.permissions.join(","));
        let hand = ["hand", "--url", &url, "--blobs", "hand-blobs", "--owner", &owner];
        house.add("hand", house.places[0].other(peer, &hand).start());
        if dialect == Dialect::Sqlite {
            let inline: Vec<&str> = hand.into_iter().chain(["--inline"]).collect();
            house.add("hand_inline", house.places[0].other(peer, &inline).start());
        }
        let recorded = house.record(&people)?;
        house.places[0].write(ANSWERS, &Value::from(recorded).to_string());
        house.add("bare", house.places[0].other(peer, &["bare", "--answers", ANSWERS]).start());
        for other in others {
            let people = house.move_in(other, peer, server)?;
            house.record(&people)?;
        }
        Ok(house)
    }

    /// Starts a reference backend in a place of its own, with the data of the demo and of others.
    fn move_in(
        &mut self,
        backend: &OtherBackend,
        peer: &Path,
        server: Option<&PostgresServer>,
    ) -> anyhow::Result<BenchOwners> {
        let place = place(&backend.program, self.dialect, server);
        let process = open(&place, &backend.settings, peer)?;
        let people = BenchOwners::sign_in(&process)?;
        self.places.push(place);
        self.add(&backend.case, process);
        Ok(people)
    }

    /// Adds a server that works in the last place.
    fn add(&mut self, case: &str, process: Process) {
        self.targets.push(MeasuredServer { case: case.to_owned(), process, place: self.places.len() - 1 });
    }

    /// The file that says what the connections send to a server.
    pub fn shots(&self, target: &MeasuredServer, route: &str) -> PathBuf {
        self.places[target.place].work().join(shots_of(route))
    }

    /// Asks the servers of the last place once for all that will be asked, notes it there, and gives what they say.
    fn record(&self, people: &BenchOwners) -> anyhow::Result<Vec<Value>> {
        let last = self.places.len() - 1;
        let here: Vec<&MeasuredServer> = self.targets.iter().filter(|target| target.place == last).collect();
        let (first, others) = here.split_first().context("somebody is there")?;
        let mut recorded = Vec::new();
        // From the last on: a user is changed before it is read, and stays as it is from there on.
        for route in routes::ALL.into_iter().rev() {
            let mut shots = Vec::new();
            for number in 0..MOST {
                let (token, request) = people.request(route, number);
                let answer = first.process.ask(&request);
                anyhow::ensure!(answer.status < 300, "{route}: {} {}", answer.status, answer.text());
                for other in others {
                    routes::compare(route, &answer, &other.process.ask(&request))?;
                }
                let (status, body) = (answer.status, answer.text());
                let bytes = String::from_utf8(request.bytes())?;
                shots.push(json!({ "request": bytes, "status": status, "length": body.len() }));
                let (method, path) = (request.method(), request.path());
                recorded.push(json!({
                    "method": method, "path": path, "token": token, "status": status, "body": body,
                }));
            }
            self.places[last].write(&shots_of(route), &Value::from(shots).to_string());
        }
        Ok(recorded)
    }
}

/// What `bare` answers.
const ANSWERS: &str = "answers.json";

fn shots_of(route: &str) -> String {
    format!("{route}.json")
}

/// Starts the reference backend at a place, with the data of the demo and of others.
fn open(place: &Deployment, settings: &[(String, String)], peer: &Path) -> anyhow::Result<Process> {
    // Without a worker: what becomes of uploads later is not part of the request.
    let launch =
        place.app(&["serve", "--demo", "--role", "web"]).env("TENFOLD_BILLING__FREE_STORAGE", "1 TiB");
    let set = settings.iter().fold(launch, |launch, (key, value)| {
        launch.env(&format!("TENFOLD_{}", key.to_uppercase().replace('.', "__")), value)
    });
    let process = set.start();
    let seeded = place.other(peer, &["seed", "--url", &address(place), "--users", "100"]).finish();
    anyhow::ensure!(seeded.status.success(), "the data of others cannot be stored: {}", seeded.err);
    Ok(process)
}

/// The database for those who do not come as the role that runs.
fn address(place: &Deployment) -> String {
    match place.dialect() {
        Dialect::Sqlite => place.url_from_outside(),
        Dialect::Postgres => place.superuser_url(),
    }
}
