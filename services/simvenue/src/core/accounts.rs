//! Balances of one account. What is locked in orders is not free; neither is ever negative.

use std::collections::BTreeMap;

/// One asset of an account, of 10^-8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Can be used.
    pub free: i128,
    /// Locked in orders.
    pub locked: i128,
}

/// The account has too little.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Insufficient;

/// The assets of one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Balances(BTreeMap<String, Balance>);

impl Balances {
    /// Balances at the start.
    pub fn new(free: impl IntoIterator<Item = (String, i128)>) -> Self {
        Self(free.into_iter().map(|(asset, free)| (asset, Balance { free, locked: 0 })).collect())
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Balance)> {
        self.0.iter().map(|(asset, balance)| (asset.as_str(), *balance))
    }

    /// One of them.
    pub fn get(&self, asset: &str) -> Balance {
        self.0.get(asset).copied().unwrap_or_default()
    }

    fn entry(&mut self, asset: &str) -> &mut Balance {
        self.0.entry(asset.to_owned()).or_default()
    }

    /// Locks a free amount.
    ///
    /// # Errors
    /// Where less is free.
    pub fn lock(&mut self, asset: &str, amount: i128) -> Result<(), Insufficient> {
        let balance = self.entry(asset);
        if balance.free < amount {
            return Err(Insufficient);
        }
        balance.free -= amount;
        balance.locked += amount;
        Ok(())
    }

    /// Frees what was locked.
    pub fn unlock(&mut self, asset: &str, amount: i128) {
        let balance = self.entry(asset);
        balance.locked -= amount;
        balance.free += amount;
    }

    /// Spends what was locked.
    pub fn spend_locked(&mut self, asset: &str, amount: i128) {
        self.entry(asset).locked -= amount;
    }

    /// Receives an amount.
    pub fn receive(&mut self, asset: &str, amount: i128) {
        self.entry(asset).free += amount;
    }
}
