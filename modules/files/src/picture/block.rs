//! The blocks of a JPEG (ITU-T T.81, annexes F and G). Only the mean of each block is kept; everything else is read
//! to check that the image is whole.

use std::io::Read;

use super::bounds::NotDrawn;
use super::entropy::{BROKEN, Bits, Huffman};

/// The part of the blocks that a scan contains.
#[derive(Clone, Copy, Debug)]
pub(super) struct Band {
    pub progressive: bool,
    /// The first and the last coefficient, 0 to 63.
    pub first: u32,
    pub last: u32,
    /// The lowest bit that earlier scans contained; 0 when there were none.
    pub high: u32,
    /// The lowest bit that this scan contains.
    pub low: u32,
}

/// The Huffman tables of a component in a scan.
#[derive(Clone, Copy)]
pub(super) struct Codes<'a> {
    pub dc: Option<&'a Huffman>,
    pub ac: Option<&'a Huffman>,
}

/// The state that carries over from block to block.
#[derive(Default)]
pub(super) struct BlockState {
    /// The last mean of each component of the scan.
    pub means: [i32; 4],
    /// How many blocks have no more coefficients in this band.
    pub ended: u32,
}

/// One block: its mean times eight, and the positions of the nonzero coefficients.
pub(super) struct Block<'a> {
    pub mean: &'a mut i16,
    /// Kept only for progressive images, whose later scans depend on it.
    pub known: Option<&'a mut u64>,
}

/// Reads a block's part of a scan.
pub(super) fn read<R: Read>(
    bits: &mut Bits<'_, R>,
    band: Band,
    codes: Codes<'_>,
    running: &mut BlockState,
    place: usize,
    block: Block<'_>,
) -> Result<(), NotDrawn> {
    if band.first == 0 {
        if band.high == 0 {
            let length = u32::from(bits.symbol(codes.dc.ok_or(BROKEN)?)?);
            if length > 11 {
                return Err(BROKEN);
            }
            let mean = running.means[place] + bits.signed(length)?;
            running.means[place] = mean;
            *block.mean = i16::try_from(mean << band.low).map_err(|_| BROKEN)?;
        } else if bits.take(1)? == 1 {
            *block.mean |= 1 << band.low;
        }
    }
    let first = band.first.max(1);
    match block.known {
        _ if band.last == 0 => Ok(()),
        Some(known) if band.high > 0 => refine(bits, band, codes, &mut running.ended, known),
        known => {
            if running.ended > 0 {
                running.ended -= 1;
                return Ok(());
            }
            let mut found = 0;
            running.ended = coefficients(bits, first..band.last + 1, band.progressive, codes, &mut found)?;
            if let Some(known) = known {
                *known |= found;
            }
            Ok(())
        }
    }
}

/// Reads coefficients for the first time; returns how many following blocks have none.
fn coefficients<R: Read>(
    bits: &mut Bits<'_, R>,
    places: std::ops::Range<u32>,
    progressive: bool,
    codes: Codes<'_>,
    found: &mut u64,
) -> Result<u32, NotDrawn> {
    let codes = codes.ac.ok_or(BROKEN)?;
    let (mut at, mut smallest) = (places.start, true);
    while at < places.end {
        let symbol = bits.symbol(codes)?;
        let (zeros, length) = (u32::from(symbol >> 4), u32::from(symbol & 15));
        match (zeros, length) {
            (15, 0) => at += 16,
            (zeros, 0) if progressive => return Ok((1 << zeros) + bits.take(zeros)? - 1),
            (0, 0) => return Ok(0),
            (_, 0) => return Err(BROKEN),
            _ => {
                at += zeros;
                if at >= places.end {
                    return Err(BROKEN);
                }
                smallest &= bits.take(length)? == 0;
                *found |= 1 << at;
                at += 1;
            }
        }
    }
    // A gap filled with zeros can decode like this: the codes resynchronize after it by chance, and no other check
    // notices it.
    let full = places.len() > 32 && found.count_ones() as usize == places.len();
    if full && smallest { Err(BROKEN) } else { Ok(0) }
}

/// Reads one more bit of the nonzero coefficients, and those that become nonzero (figure G.7).
fn refine<R: Read>(
    bits: &mut Bits<'_, R>,
    band: Band,
    codes: Codes<'_>,
    ended: &mut u32,
    known: &mut u64,
) -> Result<(), NotDrawn> {
    let codes = codes.ac.ok_or(BROKEN)?;
    let mut at = band.first;
    while *ended == 0 && at <= band.last {
        let symbol = bits.symbol(codes)?;
        let (mut zeros, length) = (u32::from(symbol >> 4), u32::from(symbol & 15));
        match length {
            0 if zeros < 15 => {
                *ended = (1 << zeros) + bits.take(zeros)?;
                break;
            }
            0 => {}
            1 => {
                bits.take(1)?;
            }
            _ => return Err(BROKEN),
        }
        // Skips this many zero coefficients, and all nonzero ones.
        loop {
            if at > band.last {
                return if length == 0 { Ok(()) } else { Err(BROKEN) };
            }
            at += 1;
            if *known & 1 << (at - 1) != 0 {
                bits.take(1)?;
            } else if zeros == 0 {
                break;
            } else {
                zeros -= 1;
            }
        }
        *known |= u64::from(length) << (at - 1);
    }
    if *ended > 0 {
        let rest = (*known >> at) & ((1 << (band.last + 1 - at)) - 1);
        for _ in 0..rest.count_ones() {
            bits.take(1)?;
        }
        *ended -= 1;
    }
    Ok(())
}
