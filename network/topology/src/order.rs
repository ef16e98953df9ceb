//! In which order processes start: each after what it needs, else as the file has them. Stopping is the reverse.

use crate::model::Topology;

/// A need that leads back to itself: process indices, the first one again at the end.
pub type Cycle = Vec<usize>;

impl Topology {
    /// For each process, the indices of those that it needs.
    pub fn needs(&self) -> Vec<Vec<usize>> {
        let index = |name: &String| self.processes.iter().position(|process| process.name == *name);
        self.processes.iter().map(|process| process.needs.iter().filter_map(index).collect()).collect()
    }

    /// Indices of the processes, each after all that it needs.
    pub fn start_order(&self) -> Vec<usize> {
        // A checked topology has no cycle; were there one, its processes would come last.
        start_order(&self.needs()).unwrap_or_else(|_| (0..self.processes.len()).collect())
    }
}

/// The order for `needs[i]` = what `i` needs.
///
/// # Errors
/// The first cycle.
pub(crate) fn start_order(needs: &[Vec<usize>]) -> Result<Vec<usize>, Cycle> {
    let mut order = Vec::with_capacity(needs.len());
    let mut path = Vec::new();
    (0..needs.len()).try_for_each(|index| visit(index, needs, &mut path, &mut order))?;
    Ok(order)
}

fn visit(index: usize, needs: &[Vec<usize>], path: &mut Vec<usize>, order: &mut Vec<usize>) -> Result<(), Cycle> {
    if order.contains(&index) {
        return Ok(());
    }
    if let Some(at) = path.iter().position(|on_path| *on_path == index) {
        return Err(path.iter().skip(at).copied().chain([index]).collect());
    }
    path.push(index);
    for need in needs.get(index).into_iter().flatten() {
        visit(*need, needs, path, order)?;
    }
    path.pop();
    order.push(index);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn needs_come_first_and_the_file_s_order_is_kept() {
        assert_eq!(start_order(&[vec![], vec![], vec![]]), Ok(vec![0, 1, 2]));
        assert_eq!(start_order(&[vec![2], vec![], vec![1]]), Ok(vec![1, 2, 0]));
    }

    #[test]
    fn a_cycle_is_shown_whole() {
        assert_eq!(start_order(&[vec![], vec![2], vec![3], vec![1]]), Err(vec![1, 2, 3, 1]));
        assert_eq!(start_order(&[vec![0]]), Err(vec![0, 0]));
    }

    proptest! {
        #[test]
        fn an_order_holds_each_process_once_after_its_needs(
            needs in proptest::collection::vec(proptest::collection::vec(0usize..8, 0..4), 8)
        ) {
            match start_order(&needs) {
                Ok(order) => {
                    let mut sorted = order.clone();
                    sorted.sort_unstable();
                    prop_assert_eq!(sorted, (0..8).collect::<Vec<_>>());
                    for (at, index) in order.iter().enumerate() {
                        for need in &needs[*index] {
                            prop_assert!(order[..at].contains(need));
                        }
                    }
                }
                Err(cycle) => {
                    prop_assert_eq!(cycle.first(), cycle.last());
                    for pair in cycle.windows(2) {
                        prop_assert!(needs[pair[0]].contains(&pair[1]));
                    }
                }
            }
        }
    }
}
