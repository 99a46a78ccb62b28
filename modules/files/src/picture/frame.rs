//! The blocks of a JPEG and their colours.

use super::bounds::{NotDrawn, PictureBounds, Reason};
use super::entropy::{BROKEN, number};
use super::small::Small;

/// The side of a block in pixels.
pub(super) const BLOCK: u32 = 8;

/// A colour component, with its blocks.
pub(super) struct Component {
    pub id: u8,
    /// How many of its blocks are in a unit, horizontally and vertically.
    pub across: u32,
    pub down: u32,
    pub table: usize,
    /// The factor for the mean; none before the first scan of the component.
    pub scale: Option<i32>,
    /// Blocks in a row, including the padding of the last unit.
    pub stride: u32,
    /// Blocks horizontally and vertically, without padding.
    pub own: (u32, u32),
    pub means: Vec<i16>,
    pub known: Vec<u64>,
}

/// The image while its blocks are read.
pub(super) struct Frame {
    pub width: u32,
    pub height: u32,
    pub progressive: bool,
    pub components: Vec<Component>,
    /// The maximum over all components.
    pub across: u32,
    pub down: u32,
    /// The colour transform in Adobe's marker.
    pub adobe: Option<u8>,
    pub scans: u32,
}

impl Frame {
    /// The image without its blocks, from its frame segment.
    pub(super) fn read(marker: u8, segment: &[u8], bounds: &PictureBounds) -> Result<Self, NotDrawn> {
        let [precision, h1, h0, w1, w0, count, rest @ ..] = segment else { return Err(BROKEN) };
        let (width, height) = (number(&[*w1, *w0]), number(&[*h1, *h0]));
        // Not supported: arithmetic coding, lossless and hierarchical images, and those whose height follows the
        // first scan.
        if marker > 0xc2 || *precision != 8 || height == 0 || !matches!(count, 1 | 3 | 4) {
            return Err(NotDrawn::Declined(Reason::Kind));
        }
        if width == 0 || rest.len() < usize::from(*count) * 3 {
            return Err(BROKEN);
        }
        let parts: Vec<&[u8]> = rest.chunks_exact(3).take(usize::from(*count)).collect();
        if parts.iter().any(|part| {
            !(1..=4).contains(&(part[1] >> 4)) || !(1..=4).contains(&(part[1] & 15)) || part[2] > 3
        }) {
            return Err(BROKEN);
        }
        let most = |of: fn(u8) -> u8| parts.iter().map(|part| u32::from(of(part[1]))).max().unwrap_or(1);
        let (across, down) = (most(|factors| factors >> 4), most(|factors| factors & 15));
        let units = (width.div_ceil(BLOCK * across), height.div_ceil(BLOCK * down));
        let progressive = marker == 0xc2;
        let blocks = |part: &&[u8]| {
            u64::from(units.0) * u64::from(units.1) * u64::from(part[1] >> 4) * u64::from(part[1] & 15)
        };
        let memory: u64 = parts.iter().map(|part| blocks(part) * if progressive { 10 } else { 2 }).sum();
        if memory > bounds.memory.as_u64() / 4 * 3 {
            return Err(NotDrawn::Declined(Reason::Memory));
        }
        let component = |part: &&[u8]| {
            let (h, v) = (u32::from(part[1] >> 4), u32::from(part[1] & 15));
            let length = usize::try_from(blocks(part)).unwrap_or(0);
            let own = |side: u32, factor: u32, most: u32| (side * factor).div_ceil(most).div_ceil(BLOCK);
            Component {
                id: part[0],
                across: h,
                down: v,
                table: usize::from(part[2]),
                scale: None,
                stride: units.0 * h,
                own: (own(width, h, across), own(height, v, down)),
                means: vec![0; length],
                known: vec![0; if progressive { length } else { 0 }],
            }
        };
        let components = parts.iter().map(component).collect();
        Ok(Frame { width, height, progressive, components, across, down, adobe: None, scans: 0 })
    }

    /// The memory of a decoder that returns all pixels: the pixels, and the coefficients if there are several scans.
    pub(super) fn memory_as_a_whole(&self) -> u64 {
        let blocks = |component: &Component| component.means.len() as u64;
        let coefficients: u64 = self.components.iter().map(|component| blocks(component) * 64 * 2).sum();
        let pixels = u64::from(self.width) * u64::from(self.height) * 4;
        if self.scans > 1 { pixels + coefficients } else { pixels }
    }

    /// A thumbnail from the means.
    pub(super) fn small(&self) -> Small {
        let grid = (self.width.div_ceil(BLOCK), self.height.div_ceil(BLOCK));
        let mut small = Small::new((self.width, self.height), grid);
        for y in 0..grid.1 {
            for x in 0..grid.0 {
                let mut values = [0_u8; 4];
                for (value, component) in values.iter_mut().zip(&self.components) {
                    let (x, y) = (x * component.across / self.across, y * component.down / self.down);
                    let mean = component.means[y as usize * component.stride as usize + x as usize];
                    let mean = i32::from(mean) * component.scale.unwrap_or(1) / 8 + 128;
                    *value = u8::try_from(mean.clamp(0, 255)).unwrap_or(0);
                }
                small.add(x, y, self.colour(values));
            }
        }
        small
    }

    fn colour(&self, values: [u8; 4]) -> [u8; 4] {
        let ids: Vec<u8> = self.components.iter().map(|component| component.id).collect();
        let converted = match (self.adobe, &*ids) {
            (_, [_]) => [values[0]; 3],
            (Some(0), _) | (None, b"RGB" | [_, _, _, _]) => [values[0], values[1], values[2]],
            _ => from_ycc(values),
        };
        let [red, green, blue] = if ids.len() == 4 {
            // CMYK, which Adobe's programs store inverted.
            converted.map(|ink| (u16::from(ink) * u16::from(values[3]) / 255) as u8)
        } else {
            converted
        };
        [red, green, blue, u8::MAX]
    }
}

/// From luminance and two colour differences (ITU-T T.871).
fn from_ycc([y, cb, cr, _]: [u8; 4]) -> [u8; 3] {
    let (y, cb, cr) = (f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb].map(|value| value.round() as u8)
}
