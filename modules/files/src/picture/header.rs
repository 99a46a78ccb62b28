//! The header of an image.

use image::metadata::Orientation;

/// The properties in the header of an image.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    /// In pixels, as they are stored.
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) orientation: Orientation,
}

impl Header {
    /// Width and height as displayed, in pixels.
    pub(crate) fn sides(&self) -> (u32, u32) {
        if self.orientation.to_exif() > 4 { (self.height, self.width) } else { (self.width, self.height) }
    }
}
