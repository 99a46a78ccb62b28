//! JPEG (ITU-T T.81): read to its last bit, so that damage is noticed, and drawn from the means of its blocks. An
//! image that is too small for that is decoded as a whole, which then needs little memory.

use std::io::{self, BufRead, Read};

use image::metadata::Orientation;
use image::{DynamicImage, GenericImageView as _, ImageFormat, RgbaImage};

use super::block::{self, Band, Block, BlockState, Codes};
use super::bounds::{Deadline, NotDrawn, PictureBounds, Reason};
use super::entropy::{BROKEN, Bits, Huffman, JpegBytes, number};
use super::frame::{BLOCK, Frame};
use super::header::Header;
use super::small::{SIDE, Small};

/// The largest image whose block means are too few for a thumbnail.
const WHOLE: u32 = SIDE * BLOCK;

const SOF: [u8; 13] = [0xc0, 0xc1, 0xc2, 0xc3, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf];
const DHT: u8 = 0xc4;
const SOI: u8 = 0xd8;
const EOI: u8 = 0xd9;
const SOS: u8 = 0xda;
const DQT: u8 = 0xdb;
const DNL: u8 = 0xdc;
const DRI: u8 = 0xdd;
const APP1: u8 = 0xe1;
const APP14: u8 = 0xee;

const DECLINED: NotDrawn = NotDrawn::Declined(Reason::Kind);

/// The sides and the orientation, which precede the first scan.
pub(super) fn header(source: impl Read) -> Result<Header, NotDrawn> {
    let mut bytes = JpegBytes::new(source);
    let (mut sides, mut orientation) = (None, None);
    start(&mut bytes)?;
    loop {
        match bytes.marker()? {
            SOS | EOI => break,
            marker if SOF.contains(&marker) => {
                let segment = bytes.segment()?;
                sides = segment.get(1..5).map(|sides| (number(&sides[2..]), number(&sides[..2])));
            }
            APP1 => {
                let segment = bytes.segment()?;
                let exif = segment.strip_prefix(b"Exif\0\0");
                orientation = orientation.or_else(|| Orientation::from_exif_chunk(exif?));
            }
            _ => drop(bytes.segment()?),
        }
    }
    match sides {
        Some((width, height)) if width > 0 && height > 0 => {
            Ok(Header { width, height, orientation: orientation.unwrap_or(Orientation::NoTransforms) })
        }
        _ => Err(NotDrawn::Damaged("its size is missing")),
    }
}

/// The image, not rotated.
pub(super) fn draw<R: BufRead>(
    open: impl Fn() -> io::Result<R>,
    bounds: &PictureBounds,
    end: Deadline,
) -> Result<RgbaImage, NotDrawn> {
    let frame = Reading::new(bounds, end).read(&mut JpegBytes::new(open()?))?;
    let sides = (frame.width, frame.height);
    if sides.0.max(sides.1) >= WHOLE {
        return Ok(frame.small().image());
    }
    let held = frame.memory_as_a_whole();
    drop(frame);
    let left = bounds.memory.as_u64().checked_sub(held).ok_or(NotDrawn::Declined(Reason::Memory))?;
    // The decoder copies its input.
    let bytes = without_metadata(open()?, left / 4)?;
    let image = image::load_from_memory_with_format(&bytes, ImageFormat::Jpeg).map_err(|_| DECLINED)?;
    drop(bytes);
    let mut small = Small::new(sides, (image.width(), image.height()));
    match &image {
        DynamicImage::ImageLuma8(image) => {
            image
                .enumerate_pixels()
                .for_each(|(x, y, gray)| small.add(x, y, [gray[0], gray[0], gray[0], u8::MAX]));
        }
        image => image.pixels().for_each(|(x, y, colour)| small.add(x, y, colour.0)),
    }
    Ok(small.image())
}

/// The parts of an image that a decoder needs, without embedded profiles and thumbnails, which may be longer than the
/// image.
fn without_metadata(source: impl BufRead, longest: u64) -> Result<Vec<u8>, NotDrawn> {
    let (mut bytes, mut kept) = (JpegBytes::new(source), vec![0xff, SOI]);
    start(&mut bytes)?;
    loop {
        let marker = bytes.marker()?;
        let segment = bytes.segment()?;
        if !matches!(marker, APP1..=0xed | 0xef | 0xfe) {
            let length = u16::try_from(segment.len() + 2).map_err(|_| BROKEN)?;
            kept.extend([0xff, marker]);
            kept.extend(length.to_be_bytes());
            kept.extend(segment);
        }
        if marker == SOS {
            break;
        }
    }
    while let Some(byte) = bytes.next()? {
        if kept.len() as u64 >= longest {
            return Err(NotDrawn::Declined(Reason::Memory));
        }
        kept.push(byte);
    }
    Ok(kept)
}

fn start<R: Read>(bytes: &mut JpegBytes<R>) -> Result<(), NotDrawn> {
    if bytes.marker()? == SOI { Ok(()) } else { Err(BROKEN) }
}

/// An image that is read from its first to its last byte.
struct Reading<'a> {
    bounds: &'a PictureBounds,
    end: Deadline,
    dc: [Option<Huffman>; 4],
    ac: [Option<Huffman>; 4],
    /// The factors for the means.
    scales: [Option<i32>; 4],
    /// Units between two restart markers; 0 for no restart markers.
    interval: u32,
    adobe: Option<u8>,
    scans: u32,
}

/// The part of a component in a scan: which one, and its tables.
struct ScanComponent {
    component: usize,
    dc: usize,
    ac: usize,
}

impl<'a> Reading<'a> {
    fn new(bounds: &'a PictureBounds, end: Deadline) -> Self {
        let (dc, ac) = ([const { None }; 4], [const { None }; 4]);
        Reading { bounds, end, dc, ac, scales: [None; 4], interval: 0, adobe: None, scans: 0 }
    }

    fn read<R: Read>(mut self, bytes: &mut JpegBytes<R>) -> Result<Frame, NotDrawn> {
        let mut frame: Option<Frame> = None;
        start(bytes)?;
        let mut marker = bytes.marker()?;
        loop {
            if marker == EOI {
                break;
            }
            let segment = bytes.segment()?;
            match marker {
                DHT => self.huffman_tables(&segment)?,
                DQT => self.quantization_tables(&segment)?,
                DRI => self.interval = number(&segment),
                DNL => return Err(DECLINED),
                APP14 if segment.starts_with(b"Adobe") => self.adobe = segment.get(11).copied(),
                SOS => {
                    let frame = frame.as_mut().ok_or(BROKEN)?;
                    marker = self.scan(frame, &segment, bytes)?;
                    continue;
                }
                marker if SOF.contains(&marker) => {
                    if frame.is_some() {
                        return Err(BROKEN);
                    }
                    frame = Some(Frame::read(marker, &segment, self.bounds)?);
                }
                _ => {}
            }
            marker = bytes.marker()?;
        }
        let mut frame = frame.ok_or(BROKEN)?;
        (frame.adobe, frame.scans) = (self.adobe, self.scans);
        let whole = frame.components.iter().all(|component| component.scale.is_some());
        if whole { Ok(frame) } else { Err(NotDrawn::Damaged("a part of it is missing")) }
    }

    fn huffman_tables(&mut self, mut segment: &[u8]) -> Result<(), NotDrawn> {
        while let [place, rest @ ..] = segment {
            let (table, rest) = Huffman::read(rest)?;
            let tables = if place >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            *tables.get_mut(usize::from(place & 15)).ok_or(BROKEN)? = Some(table);
            segment = rest;
        }
        Ok(())
    }

    fn quantization_tables(&mut self, mut segment: &[u8]) -> Result<(), NotDrawn> {
        while let [place, rest @ ..] = segment {
            let width = if place >> 4 == 0 { 1 } else { 2 };
            let (table, rest) = rest.split_at_checked(64 * width).ok_or(BROKEN)?;
            let scale = i32::try_from(number(&table[..width])).map_err(|_| BROKEN)?;
            *self.scales.get_mut(usize::from(place & 15)).ok_or(BROKEN)? = Some(scale);
            segment = rest;
        }
        Ok(())
    }

    /// Reads a scan; returns the marker after it.
    fn scan<R: Read>(
        &mut self,
        frame: &mut Frame,
        segment: &[u8],
        bytes: &mut JpegBytes<R>,
    ) -> Result<u8, NotDrawn> {
        self.scans += 1;
        if self.scans > self.bounds.scans {
            return Err(NotDrawn::Declined(Reason::Scans));
        }
        let (parts, band) = scan_header(frame, segment)?;
        for part in &parts {
            let component = &mut frame.components[part.component];
            component.scale = component.scale.or(self.scales[component.table]);
            if component.scale.is_none() {
                return Err(BROKEN);
            }
        }
        let units = match &*parts {
            [part] => frame.components[part.component].own,
            _ => (frame.width.div_ceil(BLOCK * frame.across), frame.height.div_ceil(BLOCK * frame.down)),
        };
        let mut bits = Bits::new(bytes);
        let (mut running, mut left, mut restarts) = (BlockState::default(), self.interval, 0);
        for y in 0..units.1 {
            self.end.check()?;
            for x in 0..units.0 {
                if self.interval > 0 && left == 0 {
                    if bits.finish()? != 0xd0 + restarts {
                        return Err(BROKEN);
                    }
                    bits.restart();
                    (running, left, restarts) = (BlockState::default(), self.interval, (restarts + 1) % 8);
                }
                left = left.saturating_sub(1);
                self.unit(frame, &parts, band, &mut bits, &mut running, (x, y))?;
            }
        }
        bits.finish()
    }

    /// Reads the blocks of a unit.
    fn unit<R: Read>(
        &self,
        frame: &mut Frame,
        parts: &[ScanComponent],
        band: Band,
        bits: &mut Bits<'_, R>,
        running: &mut BlockState,
        (x, y): (u32, u32),
    ) -> Result<(), NotDrawn> {
        for (place, part) in parts.iter().enumerate() {
            let codes = Codes { dc: self.dc[part.dc].as_ref(), ac: self.ac[part.ac].as_ref() };
            let component = &mut frame.components[part.component];
            let (across, down) = if parts.len() == 1 { (1, 1) } else { (component.across, component.down) };
            for row in 0..down {
                for column in 0..across {
                    let at = (y * down + row) as usize * component.stride as usize
                        + (x * across + column) as usize;
                    let mean = component.means.get_mut(at).ok_or(BROKEN)?;
                    let block = Block { mean, known: component.known.get_mut(at) };
                    block::read(bits, band, codes, running, place, block)?;
                }
            }
        }
        Ok(())
    }
}

fn scan_header(frame: &Frame, segment: &[u8]) -> Result<(Vec<ScanComponent>, Band), NotDrawn> {
    let [count, rest @ ..] = segment else { return Err(BROKEN) };
    let (parts, rest) = rest.split_at_checked(usize::from(*count) * 2).ok_or(BROKEN)?;
    let [first, last, bits, ..] = rest else { return Err(BROKEN) };
    let (first, last) = (u32::from(*first), u32::from(*last));
    let (high, low) = (u32::from(bits >> 4), u32::from(bits & 15));
    let part = |part: &[u8]| {
        let component =
            frame.components.iter().position(|component| component.id == part[0]).ok_or(BROKEN)?;
        let (dc, ac) = (usize::from(part[1] >> 4), usize::from(part[1] & 15));
        if dc < 4 && ac < 4 { Ok(ScanComponent { component, dc, ac }) } else { Err(BROKEN) }
    };
    let parts: Vec<ScanComponent> = parts.chunks_exact(2).map(part).collect::<Result<_, NotDrawn>>()?;
    if parts.is_empty() || parts.len() > 4 {
        return Err(BROKEN);
    }
    if !frame.progressive {
        // Whatever the header says, a sequential image has only one band.
        return Ok((parts, Band { progressive: false, first: 0, last: 63, high: 0, low: 0 }));
    }
    let allowed = (first == 0 && last == 0) || (first > 0 && first <= last && last < 64 && parts.len() == 1);
    if !allowed || low > 13 {
        return Err(BROKEN);
    }
    Ok((parts, Band { progressive: true, first, last, high, low }))
}
