//! What goes up, in the layout of [`sweep_ptx::Job`].

use core::ops::Range;

use mesh_kernel::strategy::StrategyParams;
use mesh_sweep::{History, Shared, Swept};
use sweep_ptx::Row;

/// Bars that are turned at a time, so that what is read and what is written both stay in the cache.
const TILE: usize = 64;

/// The rows of some bars.
pub(super) fn rows(history: &History, bars: Range<usize>, rows: &mut Vec<Row>) {
    rows.clear();
    rows.extend(bars.filter_map(|at| {
        let bar = history.bars().get(at)?;
        Some(Row::new(bar, &history.context(at), history.settlement(at), history.ends_period(at)))
    }));
}

/// The series of some bars, bar by bar.
pub(super) fn series<S: Swept>(shared: &Shared<'_, S>, bars: Range<usize>, turned: &mut Vec<f64>) {
    let width = shared.series().len();
    turned.clear();
    turned.resize(width * bars.len(), 0.0);
    let columns: Vec<&[f64]> = shared.series().filter_map(|(_, values)| values.get(bars.clone())).collect();
    for (tile, rows) in turned.chunks_mut((width * TILE).max(1)).enumerate() {
        for (column, values) in columns.iter().enumerate() {
            let values = values.iter().skip(tile * TILE);
            for (row, value) in rows.chunks_exact_mut(width).zip(values) {
                if let Some(cell) = row.get_mut(column) {
                    *cell = *value;
                }
            }
        }
    }
}

/// Some configurations in the order in which threads take them: those that read the same series stand side by side,
/// for their signals come in the same bars, and a warp is as slow as all of its threads' ways together.
pub(super) fn order<S: Swept>(shared: &Shared<'_, S>, configurations: Range<usize>) -> Vec<usize> {
    let mut order: Vec<usize> = configurations.collect();
    order.sort_by(|a, b| shared.slots(*a).cmp(shared.slots(*b)));
    order
}

/// The parameters of configurations, by parameter.
pub(super) fn params<S: Swept>(shared: &Shared<'_, S>, order: &[usize]) -> Vec<f64> {
    let count = <S::Params as StrategyParams>::SPEC.len();
    let mut packed = vec![0.0; count * order.len()];
    for (at, params) in order.iter().filter_map(|number| shared.params().get(*number)).enumerate() {
        let mut cells = packed.iter_mut().skip(at).step_by(order.len());
        params.for_each_value(|value| {
            if let Some(cell) = cells.next() {
                *cell = value;
            }
        });
    }
    packed
}

/// Which series they read, by slot.
pub(super) fn columns<S: Swept>(shared: &Shared<'_, S>, order: &[usize]) -> Vec<u32> {
    let mut packed = vec![0; S::SLOTS * order.len()];
    for (at, number) in order.iter().enumerate() {
        let cells = packed.iter_mut().skip(at).step_by(order.len());
        cells.zip(shared.slots(*number)).for_each(|(cell, column)| *cell = *column);
    }
    packed
}
