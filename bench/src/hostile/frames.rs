//! As much of HTTP/2 (RFC 9113, RFC 7541) as a hostile client needs, which no library sends.

/// The preface of a client that opens windows of this size, if it says any.
pub fn preface(window: Option<u32>) -> Vec<u8> {
    /// The setting for the window that each stream begins with.
    const INITIAL_WINDOW_SIZE: [u8; 2] = [0, 4];
    let settings = window.map(|window| [&INITIAL_WINDOW_SIZE[..], &window.to_be_bytes()].concat());
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, &settings.unwrap_or_default()));
    bytes
}

const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// A GET in a stream of this number, which is odd.
pub fn get(stream: u32, path: &str, token: &str) -> Vec<u8> {
    // `:method: GET` and `:scheme: http` of the static table, then fields whose names are in it.
    let (mut block, bearer) = (vec![0x82, 0x86], format!("Bearer {token}"));
    for (name, value) in [(4, path), (1, "app.test"), (23, bearer.as_str())] {
        number(&mut block, 15, name);
        number(&mut block, 127, value.len());
        block.extend(value.as_bytes());
    }
    frame(HEADERS, END_STREAM | END_HEADERS, stream, &block)
}

/// Takes a stream back.
pub fn reset(stream: u32) -> Vec<u8> {
    const CANCEL: u32 = 8;
    frame(RESET, 0, stream, &CANCEL.to_be_bytes())
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// An integer whose prefix holds numbers below `most`.
fn number(block: &mut Vec<u8>, most: usize, number: usize) {
    if number < most {
        block.push(u8::try_from(number).unwrap_or(u8::MAX));
        return;
    }
    block.push(u8::try_from(most).unwrap_or(u8::MAX));
    let mut rest = number - most;
    while rest >= 128 {
        block.push(u8::try_from(rest % 128 + 128).unwrap_or(u8::MAX));
        rest /= 128;
    }
    block.push(u8::try_from(rest).unwrap_or(u8::MAX));
}
