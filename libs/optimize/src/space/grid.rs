//! All points of a space, in an order that is fixed, each once, any of them found without those before.
//!
//! Parameters that others depend on are laid out first: each combination of them that can occur is a block, in which the
//! others that are there run through their levels, the last the fastest.

use super::{Point, Space, SpaceError};

/// Most blocks, and most points: enough for any search that ends.
const MAX_BLOCKS: usize = 100_000;
const MAX_POINTS: u64 = 1 << 53;

/// The points of a space, numbered.
#[derive(Clone, Debug)]
pub struct Grid {
    /// The codes of each parameter's levels.
    codes: Vec<Vec<f64>>,
    blocks: Vec<Block>,
    size: u64,
}

/// The points that share the values of the parameters that others depend on.
#[derive(Clone, Debug)]
struct Block {
    /// Number of points before it.
    start: u64,
    /// The codes that are the same in all of them.
    fixed: Vec<Option<f64>>,
    /// The parameters that run.
    free: Vec<usize>,
}

impl Grid {
    /// The grid of `space`, with `levels` values, ends inside, of each continuous parameter.
    pub fn new(space: &Space, levels: Option<u32>) -> Result<Self, SpaceError> {
        let codes = space.parameters.iter().map(|parameter| {
            let domain = &parameter.domain;
            match (domain.levels(), levels) {
                (Some(count), _) if count > MAX_POINTS => Err(SpaceError::TooLarge { limit: MAX_POINTS }),
                (Some(count), _) if count > 1 << 24 => Err(SpaceError::TooLarge { limit: 1 << 24 }),
                (Some(count), _) => Ok((0..count).map(|level| domain.code_of_level(level)).collect()),
                (None, Some(1)) => Ok(vec![domain.at(0.5)]),
                (None, Some(count)) if count > 1 => {
                    Ok((0..count).map(|level| domain.at(f64::from(level) / f64::from(count - 1))).collect())
                }
                (None, _) => Err(SpaceError::Continuous { name: parameter.name.clone() }),
            }
        });
        let codes: Vec<Vec<f64>> = codes.collect::<Result<_, _>>()?;
        let mut grid = Self { codes, blocks: Vec::new(), size: 0 };
        let controls: Vec<bool> =
            (0..space.len()).map(|index| space.gates.iter().flatten().any(|(on, _)| *on == index)).collect();
        grid.lay_out(space, &controls, Block { start: 0, fixed: Vec::new(), free: Vec::new() })?;
        Ok(grid)
    }

    /// Adds the blocks that begin with `block`.
    fn lay_out(&mut self, space: &Space, controls: &[bool], mut block: Block) -> Result<(), SpaceError> {
        let index = block.fixed.len();
        if index == space.len() {
            let points = block.free.iter().try_fold(1u64, |n, &free| n.checked_mul(self.codes[free].len() as u64));
            let size = points.and_then(|points| self.size.checked_add(points)).filter(|&size| size <= MAX_POINTS);
            if self.blocks.len() == MAX_BLOCKS {
                return Err(SpaceError::TooLarge { limit: MAX_BLOCKS as u64 });
            }
            block.start = self.size;
            self.size = size.ok_or(SpaceError::TooLarge { limit: MAX_POINTS })?;
            self.blocks.push(block);
            return Ok(());
        }
        if !space.is_active(index, &block.fixed) {
            block.fixed.push(None);
            return self.lay_out(space, controls, block);
        }
        if !controls[index] {
            block.fixed.push(None);
            block.free.push(index);
            return self.lay_out(space, controls, block);
        }
        for level in 0..self.codes[index].len() {
            let mut chosen = block.clone();
            chosen.fixed.push(Some(self.codes[index][level]));
            self.lay_out(space, controls, chosen)?;
        }
        Ok(())
    }

    /// How many points.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Point `number`, counted from 0; none past the end.
    pub fn point(&self, number: u64) -> Option<Point> {
        if number >= self.size {
            return None;
        }
        let block = &self.blocks[self.blocks.partition_point(|block| block.start <= number) - 1];
        let mut left = number - block.start;
        let mut codes = block.fixed.clone();
        for &free in block.free.iter().rev() {
            let levels = &self.codes[free];
            codes[free] = Some(levels[(left % levels.len() as u64) as usize]);
            left /= levels.len() as u64;
        }
        Some(Point(codes))
    }
}
