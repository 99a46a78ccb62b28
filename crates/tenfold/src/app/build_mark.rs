//! Which build of the program runs: two builds of the same version are told apart by it.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::sync::OnceLock;

use crate::config::hex;

/// How many hexadecimal digits of a commit or a build id are shown, as by Git.
const DIGITS: usize = 7;
/// How many characters of another mark are.
const CHARACTERS: usize = 40;
/// Notes of an executable are short. More of them is not read.
const MOST_NOTES: u64 = 1 << 16;

/// The mark of this build: of the commit that it was built from, or else of the build id that the linker has made from its content.
/// `None` if neither is known.
pub(super) fn build_mark(commit: Option<&str>) -> Option<String> {
    let commit = commit.map(str::trim).filter(|commit| !commit.is_empty()).map(str::to_owned);
    let mark = commit.or_else(|| own_build_id().map(str::to_owned))?;
    let is_hex = mark.len() > DIGITS && mark.bytes().all(|byte| byte.is_ascii_hexdigit());
    let shown = mark.chars().filter(|character| !character.is_control());
    Some(shown.take(if is_hex { DIGITS } else { CHARACTERS }).collect())
}

/// The build id of the program that runs, in hexadecimal. It is read from a few hundred bytes: to hash the file itself would take up
/// to a second of each start. Only Linux has this file, which is the running program even if a deploy has replaced it.
fn own_build_id() -> Option<&'static str> {
    static ID: OnceLock<Option<String>> = OnceLock::new();
    let read = || build_id(&mut File::open("/proc/self/exe").ok()?).map(|id| hex(&id));
    ID.get_or_init(read).as_deref()
}

/// The build id of an executable in the format ELF, 64 bits and little-endian: the note `GNU` of type 3 in one of its `PT_NOTE` segments
/// (`elf(5)`, and `--build-id` of `ld(1)`).
fn build_id(file: &mut File) -> Option<Vec<u8>> {
    const PT_NOTE: u32 = 4;
    const SEGMENT: usize = 56;
    let header = read_at(file, 0, 64)?;
    if !header.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let (table, size, count) = (u64_at(&header, 32)?, u16_at(&header, 54)?, u16_at(&header, 56)?);
    if usize::from(size) != SEGMENT {
        return None;
    }
    let segments = read_at(file, table, u64::from(size) * u64::from(count))?;
    let mut notes = segments.chunks_exact(SEGMENT).filter(|segment| u32_at(segment, 0) == Some(PT_NOTE));
    notes.find_map(|segment| {
        let (start, length, align) = (u64_at(segment, 8)?, u64_at(segment, 32)?, u64_at(segment, 48)?);
        let notes = read_at(file, start, length.min(MOST_NOTES))?;
        id_of(&notes, if align == 8 { 8 } else { 4 })
    })
}

/// The build id among notes, each of which begins at a multiple of `align`.
fn id_of(mut notes: &[u8], align: usize) -> Option<Vec<u8>> {
    const NT_GNU_BUILD_ID: u32 = 3;
    const NAME: usize = 12;
    loop {
        let [name, length, kind] = [u32_at(notes, 0)?, u32_at(notes, 4)?, u32_at(notes, 8)?];
        let start = (NAME + name as usize).next_multiple_of(align);
        let end = start + length as usize;
        let id = notes.get(start..end)?;
        if kind == NT_GNU_BUILD_ID && notes.get(NAME..NAME + 4) == Some(b"GNU\0".as_slice()) {
            return Some(id.to_vec());
        }
        notes = notes.get(end.next_multiple_of(align)..)?;
    }
}

fn read_at(file: &mut File, start: u64, length: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(start)).ok()?;
    file.take(length).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 == length).then_some(bytes)
}

fn u16_at(bytes: &[u8], place: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(place..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], place: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(place..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], place: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(place..)?.first_chunk()?))
}
