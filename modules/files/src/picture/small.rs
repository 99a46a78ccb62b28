//! A scaled-down image: each source pixel is added to the target pixel that covers it.

use image::RgbaImage;

/// The longer side of a thumbnail, in pixels.
pub(super) const SIDE: u32 = 256;

/// A thumbnail while its pixels arrive, in any order.
pub(super) struct Small {
    /// The size of the source, in pixels.
    from: (u32, u32),
    /// The size of the thumbnail.
    to: (u32, u32),
    /// Red, green and blue, each multiplied by alpha, and alpha.
    sums: Vec<[u64; 4]>,
    counts: Vec<u32>,
}

impl Small {
    /// For an image with these sides, whose pixels arrive as a grid of `from`: the same size, or a coarser one.
    pub(super) fn new(sides: (u32, u32), from: (u32, u32)) -> Self {
        let longer = sides.0.max(sides.1).max(1);
        let fit = |side: u32| {
            let scaled = (u64::from(side) * u64::from(SIDE) + u64::from(longer) / 2) / u64::from(longer);
            u32::try_from(scaled).unwrap_or(SIDE).clamp(1, side.max(1))
        };
        let to = if longer > SIDE { (fit(sides.0), fit(sides.1)) } else { sides };
        let pixels = to.0 as usize * to.1 as usize;
        Small { from, to, sums: vec![[0; 4]; pixels], counts: vec![0; pixels] }
    }

    /// Adds a pixel of the grid.
    pub(super) fn add(&mut self, x: u32, y: u32, [red, green, blue, alpha]: [u8; 4]) {
        let place = |at: u32, from: u32, to: u32| (u64::from(at) * u64::from(to) / u64::from(from)) as usize;
        let at = place(y, self.from.1, self.to.1) * self.to.0 as usize + place(x, self.from.0, self.to.0);
        let alpha = u64::from(alpha);
        let sum = &mut self.sums[at];
        for (sum, value) in sum.iter_mut().zip([red, green, blue]) {
            *sum += u64::from(value) * alpha;
        }
        sum[3] += alpha;
        self.counts[at] += 1;
    }

    /// The means.
    pub(super) fn image(self) -> RgbaImage {
        let mut image = RgbaImage::new(self.to.0, self.to.1);
        for ((pixel, sum), count) in image.pixels_mut().zip(self.sums).zip(self.counts) {
            let mean = |sum: u64, of: u64| u8::try_from((sum + of / 2) / of.max(1)).unwrap_or(u8::MAX);
            pixel.0 = [
                mean(sum[0], sum[3]),
                mean(sum[1], sum[3]),
                mean(sum[2], sum[3]),
                mean(sum[3], u64::from(count)),
            ];
        }
        image
    }
}
