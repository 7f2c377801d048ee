//! Which images are learnt from, and which are held out.

use super::source::Purpose;
use super::window::Planes;

/// One image of so many is held out.
const ONE_OF: usize = 4;

/// The images of an ensemble, by what their patches are for.
pub struct SplitImages {
    /// The filters learn from them.
    pub training: Vec<Planes>,
    /// The model is evaluated on them.
    pub held_out: Vec<Planes>,
}

impl SplitImages {
    /// Splits images by their order: the last one is held out, and every fourth before it. None where
    /// there are fewer than two.
    pub fn by_order(images: Vec<Planes>) -> Option<Self> {
        let count = images.len();
        let mut split = Self { training: Vec::new(), held_out: Vec::new() };
        for (index, image) in images.into_iter().enumerate() {
            match is_held_out(index, count) {
                true => split.held_out.push(image),
                false => split.training.push(image),
            }
        }
        (count > 1).then_some(split)
    }

    /// The images of a purpose.
    pub fn of(&self, purpose: Purpose) -> &[Planes] {
        match purpose {
            Purpose::Training => &self.training,
            Purpose::HeldOut => &self.held_out,
        }
    }
}

/// Whether the image at this place of `count` is held out: the last one, and every fourth before
/// it. It depends on nothing but the order, so that runs of all seeds hold out the same.
pub fn is_held_out(index: usize, count: usize) -> bool {
    (count - 1 - index).is_multiple_of(ONE_OF)
}

/// How many images are held out beside `training` synthetic ones, of which more can be drawn.
pub fn held_out_beside(training: i64) -> i64 {
    training.div_euclid(ONE_OF as i64).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_and_every_fourth_before_it_are_held_out() {
        let held_out = |count: usize| -> Vec<usize> {
            (0..count).filter(|index| is_held_out(*index, count)).collect()
        };
        for (count, expected) in
            [(2, vec![1]), (3, vec![2]), (4, vec![3]), (5, vec![0, 4]), (8, vec![3, 7])]
        {
            assert_eq!(held_out(count), expected);
        }
        let image = || Planes { name: String::new(), height: 1, width: 1, colours: Vec::new() };
        assert!(SplitImages::by_order(vec![image()]).is_none());
        assert!(SplitImages::by_order(Vec::new()).is_none());
        assert_eq!([1, 2, 7, 16].map(held_out_beside), [1, 1, 1, 4]);
    }
}
