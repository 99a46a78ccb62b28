//! What the first part of an image says.

use image::metadata::Orientation;

/// What the first part of an image says of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    /// In pixels, as they are stored.
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) orientation: Orientation,
}

impl Header {
    /// Width and height as the image is shown, in pixels.
    pub(crate) fn sides(&self) -> (u32, u32) {
        if self.orientation.to_exif() > 4 { (self.height, self.width) } else { (self.width, self.height) }
    }
}
