//! The entropy-coded data of a JPEG (ITU-T T.81, annexes B and F): bytes, the markers between them, and Huffman
//! codes.

use std::io::Read;

use super::bounds::NotDrawn;

/// Codes up to this length are found by one table lookup.
const FAST: u32 = 9;

pub(super) const ENDS: NotDrawn = NotDrawn::Damaged("it ends too early");
pub(super) const BROKEN: NotDrawn = NotDrawn::Damaged("its data is damaged");

/// A source of single bytes.
pub(super) struct JpegBytes<R> {
    source: R,
    buffer: Vec<u8>,
    at: usize,
    end: usize,
}

impl<R: Read> JpegBytes<R> {
    pub(super) fn new(source: R) -> Self {
        JpegBytes { source, buffer: vec![0; 16 * 1024], at: 0, end: 0 }
    }

    /// None at the end.
    pub(super) fn next(&mut self) -> Result<Option<u8>, NotDrawn> {
        if self.at == self.end {
            (self.at, self.end) = (0, self.source.read(&mut self.buffer)?);
            if self.end == 0 {
                return Ok(None);
            }
        }
        self.at += 1;
        Ok(Some(self.buffer[self.at - 1]))
    }

    pub(super) fn byte(&mut self) -> Result<u8, NotDrawn> {
        self.next()?.ok_or(ENDS)
    }

    /// The content of a segment, which its length precedes.
    pub(super) fn segment(&mut self) -> Result<Vec<u8>, NotDrawn> {
        let length = u16::from_be_bytes([self.byte()?, self.byte()?]);
        (2..length.max(2)).map(|_| self.byte()).collect()
    }

    /// The marker that must come next; fill bytes may precede it.
    pub(super) fn marker(&mut self) -> Result<u8, NotDrawn> {
        if self.byte()? != 0xff {
            return Err(BROKEN);
        }
        loop {
            match self.byte()? {
                0xff => {}
                marker => return Ok(marker),
            }
        }
    }
}

/// The bits between two markers.
pub(super) struct Bits<'a, R> {
    bytes: &'a mut JpegBytes<R>,
    value: u64,
    count: u32,
    /// How many of the bits do not exist; they are only read ahead.
    missing: u32,
    /// The marker that ends the bits.
    marker: Option<u8>,
    ended: bool,
}

impl<'a, R: Read> Bits<'a, R> {
    pub(super) fn new(bytes: &'a mut JpegBytes<R>) -> Self {
        Bits { bytes, value: 0, count: 0, missing: 0, marker: None, ended: false }
    }

    /// The next bits as a number, 16 at most.
    pub(super) fn take(&mut self, length: u32) -> Result<u32, NotDrawn> {
        let value = self.peek(length)?;
        self.skip(length)?;
        Ok(value)
    }

    /// A signed number of this many bits (figure F.12).
    pub(super) fn signed(&mut self, length: u32) -> Result<i32, NotDrawn> {
        if length == 0 {
            return Ok(0);
        }
        let value = self.take(length)? as i32;
        Ok(if value < 1 << (length - 1) { value - (1 << length) + 1 } else { value })
    }

    /// The next code's symbol.
    pub(super) fn symbol(&mut self, table: &Huffman) -> Result<u8, NotDrawn> {
        let (length, symbol) = table.fast[self.peek(FAST)? as usize];
        if length > 0 {
            self.skip(u32::from(length))?;
            return Ok(symbol);
        }
        let code = self.peek(16)?;
        for length in FAST + 1..=16 {
            let code = code >> (16 - length);
            let (first, count, place) = table.lengths[length as usize];
            if code >= first && code - first < count {
                self.skip(length)?;
                return Ok(table.symbols[(place + code - first) as usize]);
            }
        }
        Err(BROKEN)
    }

    /// The marker that ends the bits. All bits except the padding of the last byte must have been read.
    pub(super) fn finish(&mut self) -> Result<u8, NotDrawn> {
        self.fill()?;
        match self.marker {
            None if self.ended => Err(ENDS),
            Some(marker) if self.count - self.missing < 8 => Ok(marker),
            _ => Err(BROKEN),
        }
    }

    /// Continues after a restart marker.
    pub(super) fn restart(&mut self) {
        (self.value, self.count, self.missing, self.marker) = (0, 0, 0, None);
    }

    fn peek(&mut self, length: u32) -> Result<u32, NotDrawn> {
        if self.count < length {
            self.fill()?;
        }
        Ok(((self.value >> (self.count - length)) & ((1 << length) - 1)) as u32)
    }

    fn skip(&mut self, length: u32) -> Result<(), NotDrawn> {
        self.count -= length;
        if self.count < self.missing { Err(ENDS) } else { Ok(()) }
    }

    fn fill(&mut self) -> Result<(), NotDrawn> {
        while self.count <= 48 {
            let byte = if self.ended || self.marker.is_some() { None } else { self.data()? };
            self.missing += if byte.is_none() { 8 } else { 0 };
            self.value = self.value << 8 | u64::from(byte.unwrap_or(0));
            self.count += 8;
        }
        Ok(())
    }

    /// The next data byte; a zero after 0xff marks the 0xff as data.
    fn data(&mut self) -> Result<Option<u8>, NotDrawn> {
        let byte = self.bytes.next()?;
        self.ended = byte.is_none();
        if byte != Some(0xff) {
            return Ok(byte);
        }
        loop {
            match self.bytes.next()? {
                Some(0) => return Ok(Some(0xff)),
                Some(0xff) => {}
                marker => {
                    (self.marker, self.ended) = (marker, marker.is_none());
                    return Ok(None);
                }
            }
        }
    }
}

/// A Huffman table (annex C).
pub(super) struct Huffman {
    /// Indexed by the next bits: the code's length, 0 for a longer one, and its symbol.
    fast: Vec<(u8, u8)>,
    /// By length: the first code, the number of codes, and the index of their symbols.
    lengths: [(u32, u32, u32); 17],
    symbols: Vec<u8>,
}

impl Huffman {
    /// Parses a table from a segment; also returns the rest of the segment.
    pub(super) fn read(segment: &[u8]) -> Result<(Self, &[u8]), NotDrawn> {
        let (counts, rest) = segment.split_at_checked(16).ok_or(BROKEN)?;
        let sum: usize = counts.iter().map(|count| usize::from(*count)).sum();
        let (symbols, rest) = rest.split_at_checked(sum).ok_or(BROKEN)?;
        let (mut lengths, mut fast) = ([(0, 0, 0); 17], vec![(0, 0); 1 << FAST]);
        let (mut code, mut place) = (0_u32, 0_u32);
        for (length, count) in (1_u32..).zip(counts) {
            let count = u32::from(*count);
            if code + count > 1 << length {
                return Err(BROKEN);
            }
            lengths[length as usize] = (code, count, place);
            for at in (0..count).take_while(|_| length <= FAST) {
                let first = ((code + at) << (FAST - length)) as usize;
                let entry = (length as u8, symbols[(place + at) as usize]);
                fast[first..first + (1 << (FAST - length))].fill(entry);
            }
            place += count;
            code = (code + count) << 1;
        }
        Ok((Huffman { fast, lengths, symbols: symbols.to_vec() }, rest))
    }
}

/// Bytes as a big-endian number.
pub(super) fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}
