//! The Sobol sequence: points that fill the unit cube more evenly than chance. Sobol (1967), with the direction numbers of
//! Joe and Kuo, 'Constructing Sobol sequences with better two-dimensional projections' (2008), file new-joe-kuo-6.21201,
//! its first 64 dimensions. Points come in Gray code order (Antonov and Saleev, 1979); each is found without those before.

use crate::rng::Rng;

/// Most dimensions.
pub const MAX_DIMENSIONS: usize = 64;

/// Bits of a coordinate.
const BITS: usize = 32;

/// Sobol points of so many dimensions.
#[derive(Clone, Debug)]
pub struct Sobol {
    directions: Vec<[u32; BITS]>,
    shift: Vec<u32>,
}

impl Sobol {
    /// The sequence itself, for at most [`MAX_DIMENSIONS`].
    pub fn new(dimensions: usize) -> Self {
        let directions: Vec<_> = (0..dimensions.min(MAX_DIMENSIONS)).map(directions).collect();
        Self { shift: vec![0; directions.len()], directions }
    }

    /// The same, each coordinate's bits flipped where `seed` says (a random digital shift: Cranley and Patterson): each
    /// point by itself is uniform, and they are as even together as before.
    pub fn shifted(dimensions: usize, seed: u64) -> Self {
        let mut sobol = Self::new(dimensions);
        let mut rng = Rng::stream(seed, u64::MAX);
        sobol.shift.iter_mut().for_each(|shift| *shift = (rng.next_u64() >> 32) as u32);
        sobol
    }

    /// Coordinate `dimension` of point `number`, in [0, 1); numbers repeat after 2^32.
    pub fn coordinate(&self, number: u64, dimension: usize) -> f64 {
        let number = number as u32;
        let gray = number ^ (number >> 1);
        let directions = self.directions[dimension].iter().enumerate();
        let set = directions.filter(|(bit, _)| gray >> bit & 1 == 1);
        let bits = set.fold(self.shift[dimension], |bits, (_, direction)| bits ^ direction);
        f64::from(bits) / (1u64 << BITS) as f64
    }
}

/// The direction numbers of a dimension, as 32-bit fractions.
fn directions(dimension: usize) -> [u32; BITS] {
    let mut v = [0u32; BITS];
    let Some((a, m)) = dimension.checked_sub(1).map(|row| JOE_KUO[row]) else {
        v.iter_mut().enumerate().for_each(|(bit, v)| *v = 1 << (BITS - 1 - bit));
        return v;
    };
    let s = m.len();
    for bit in 0..BITS {
        v[bit] = match bit.checked_sub(s) {
            None => m[bit] << (BITS - 1 - bit),
            Some(back) => {
                let terms = (1..s).filter(|k| a >> (s - 1 - k) & 1 == 1);
                terms.fold(v[back] ^ (v[back] >> s), |sum, k| sum ^ v[bit - k])
            }
        };
    }
    v
}

/// For each dimension from the second: the primitive polynomial's inner coefficients as bits, and the first direction
/// numbers, whose count is its degree.
#[rustfmt::skip]
const JOE_KUO: [(u32, &[u32]); MAX_DIMENSIONS - 1] = [
    (0, &[1]), (1, &[1, 3]), (1, &[1, 3, 1]), (2, &[1, 1, 1]), (1, &[1, 1, 3, 3]), (4, &[1, 3, 5, 13]),
    (2, &[1, 1, 5, 5, 17]), (4, &[1, 1, 5, 5, 5]), (7, &[1, 1, 7, 11, 19]), (11, &[1, 1, 5, 1, 1]),
    (13, &[1, 1, 1, 3, 11]), (14, &[1, 3, 5, 5, 31]), (1, &[1, 3, 3, 9, 7, 49]), (13, &[1, 1, 1, 15, 21, 21]),
    (16, &[1, 3, 1, 13, 27, 49]), (19, &[1, 1, 1, 15, 7, 5]), (22, &[1, 3, 1, 15, 13, 25]),
    (25, &[1, 1, 5, 5, 19, 61]), (1, &[1, 3, 7, 11, 23, 15, 103]), (4, &[1, 3, 7, 13, 13, 15, 69]),
    (7, &[1, 1, 3, 13, 7, 35, 63]), (8, &[1, 3, 5, 9, 1, 25, 53]), (14, &[1, 3, 1, 13, 9, 35, 107]),
    (19, &[1, 3, 1, 5, 27, 61, 31]), (21, &[1, 1, 5, 11, 19, 41, 61]), (28, &[1, 3, 5, 3, 3, 13, 69]),
    (31, &[1, 1, 7, 13, 1, 19, 1]), (32, &[1, 3, 7, 5, 13, 19, 59]), (37, &[1, 1, 3, 9, 25, 29, 41]),
    (41, &[1, 3, 5, 13, 23, 1, 55]), (42, &[1, 3, 7, 3, 13, 59, 17]), (50, &[1, 3, 1, 3, 5, 53, 69]),
    (55, &[1, 1, 5, 5, 23, 33, 13]), (56, &[1, 1, 7, 7, 1, 61, 123]), (59, &[1, 1, 7, 9, 13, 61, 49]),
    (62, &[1, 3, 3, 5, 3, 55, 33]), (14, &[1, 3, 1, 15, 31, 13, 49, 245]), (21, &[1, 3, 5, 15, 31, 59, 63, 97]),
    (22, &[1, 3, 1, 11, 11, 11, 77, 249]), (38, &[1, 3, 1, 11, 27, 43, 71, 9]), (47, &[1, 1, 7, 15, 21, 11, 81, 45]),
    (49, &[1, 3, 7, 3, 25, 31, 65, 79]), (50, &[1, 3, 1, 1, 19, 11, 3, 205]), (52, &[1, 1, 5, 9, 19, 21, 29, 157]),
    (56, &[1, 3, 7, 11, 1, 33, 89, 185]), (67, &[1, 3, 3, 3, 15, 9, 79, 71]), (70, &[1, 3, 7, 11, 15, 39, 119, 27]),
    (84, &[1, 1, 3, 1, 11, 31, 97, 225]), (97, &[1, 1, 1, 3, 23, 43, 57, 177]), (103, &[1, 3, 7, 7, 17, 17, 37, 71]),
    (115, &[1, 3, 1, 5, 27, 63, 123, 213]), (122, &[1, 1, 3, 5, 11, 43, 53, 133]),
    (8, &[1, 3, 5, 5, 29, 17, 47, 173, 479]), (13, &[1, 3, 3, 11, 3, 1, 109, 9, 69]),
    (16, &[1, 1, 1, 5, 17, 39, 23, 5, 343]), (22, &[1, 3, 1, 5, 25, 15, 31, 103, 499]),
    (25, &[1, 1, 1, 11, 11, 17, 63, 105, 183]), (44, &[1, 1, 5, 11, 9, 29, 97, 231, 363]),
    (47, &[1, 1, 5, 15, 19, 45, 41, 7, 383]), (52, &[1, 3, 7, 7, 31, 19, 83, 137, 221]),
    (55, &[1, 1, 1, 3, 23, 15, 111, 223, 83]), (59, &[1, 1, 5, 13, 31, 15, 55, 25, 161]),
    (62, &[1, 1, 3, 13, 25, 47, 39, 87, 257]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_points_are_the_published_ones() {
        let sobol = Sobol::new(8);
        let points: Vec<Vec<f64>> = (0..8).map(|n| (0..8).map(|d| sobol.coordinate(n, d) * 8.0).collect()).collect();
        let expected: [[f64; 8]; 8] = [
            [0., 0., 0., 0., 0., 0., 0., 0.],
            [4., 4., 4., 4., 4., 4., 4., 4.],
            [6., 2., 2., 2., 6., 6., 2., 6.],
            [2., 6., 6., 6., 2., 2., 6., 2.],
            [3., 3., 5., 7., 3., 1., 3., 7.],
            [7., 7., 1., 3., 7., 5., 7., 3.],
            [5., 1., 7., 5., 5., 7., 1., 1.],
            [1., 5., 3., 1., 1., 3., 5., 5.],
        ];
        assert_eq!(points, expected);
    }

    #[test]
    fn the_last_dimension_is_the_published_one() {
        // SciPy's unscrambled point 77 of 64 dimensions: coordinates 1, 3 and 61 to 64.
        let sobol = Sobol::new(64);
        let at = |dimension| sobol.coordinate(77, dimension);
        assert_eq!((at(0), at(2)), (0.8359375, 0.0078125));
        assert_eq!([at(60), at(61), at(62), at(63)], [0.8515625, 0.0703125, 0.2578125, 0.8828125]);
    }

    #[test]
    fn each_dimension_has_each_of_the_first_cells_once_even_when_shifted() {
        for seed in 0..3 {
            let sobol = Sobol::shifted(MAX_DIMENSIONS, seed);
            for dimension in 0..MAX_DIMENSIONS {
                let mut cells: Vec<u32> = (0..256).map(|n| (sobol.coordinate(n, dimension) * 256.0) as u32).collect();
                cells.sort_unstable();
                assert!(cells.iter().copied().eq(0..256), "dimension {dimension}");
            }
        }
    }
}
