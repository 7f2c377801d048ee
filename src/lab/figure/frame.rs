//! Rectangles, in layout units.

/// A rectangle; y grows downwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Frame {
    pub left: f32,
    pub top: f32,
    pub right: f32,
    pub bottom: f32,
}

impl Frame {
    pub fn new(left: f32, top: f32, right: f32, bottom: f32) -> Self {
        Self { left, top, right, bottom }
    }

    pub fn width(&self) -> f32 {
        self.right - self.left
    }

    pub fn height(&self) -> f32 {
        self.bottom - self.top
    }

    /// The same rectangle with its top above its bottom.
    pub fn upright(self) -> Self {
        Self { top: self.top.min(self.bottom), bottom: self.top.max(self.bottom), ..self }
    }

    pub fn centre(&self) -> (f32, f32) {
        ((self.left + self.right) / 2.0, (self.top + self.bottom) / 2.0)
    }

    /// Clockwise from the top left.
    pub fn corners(&self) -> [(f32, f32); 4] {
        let Self { left, top, right, bottom } = *self;
        [(left, top), (right, top), (right, bottom), (left, bottom)]
    }

    /// The outline of the frame, closed.
    pub fn outline(&self) -> [(f32, f32); 5] {
        let [a, b, c, d] = self.corners();
        [a, b, c, d, a]
    }
}
