//! Hashes and signatures of actions.
//!
//! An L1 action (orders, cancels, leverage) is hashed as MessagePack with nonce, vault and expiry, and the hash is signed
//! as the `connectionId` of an EIP-712 `Agent`. What moves funds is signed as EIP-712 itself ([`Fields`]); a trading process
//! should hold an agent's key, which can't do that.
//!
//! A wrong order of keys, a trailing zero or an upper-case address gives another hash, and the venue then names a random
//! address that does not exist. Source: `hyperliquid-python-sdk` `signing.py`; EIP-712. secp256k1 is `k256`, Keccak `sha3`:
//! the parts of RustCrypto that larger Ethereum libraries use too, without the rest of them.

use core::fmt;

use k256::ecdsa::{RecoveryId, Signature as EcdsaSignature, SigningKey, VerifyingKey};
use sha3::{Digest, Keccak256};

use super::msgpack;
use crate::json::JsonError;

/// 20 bytes that name an account.
pub type Address = [u8; 20];
/// A hash.
pub type Hash = [u8; 32];

/// Chain id of the domain that L1 actions are signed in.
const EXCHANGE_CHAIN: u64 = 1_337;
const DOMAIN_TYPE: &[u8] = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";
const AGENT_TYPE: &[u8] = b"Agent(string source,bytes32 connectionId)";

/// Which of the venue's networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// The real one.
    Mainnet,
    /// The test one.
    Testnet,
}

impl Network {
    const fn source(self) -> &'static str {
        match self {
            Self::Mainnet => "a",
            Self::Testnet => "b",
        }
    }
}

/// A signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    /// First half.
    pub r: Hash,
    /// Second half.
    pub s: Hash,
    /// 27 or 28.
    pub v: u8,
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.json())
    }
}

impl Signature {
    /// As requests carry it, halves of 64 digits.
    pub fn json(&self) -> String {
        format!(r#"{{"r":"0x{}","s":"0x{}","v":{}}}"#, hex::encode(self.r), hex::encode(self.s), self.v)
    }
}

/// A private key. Never printed.
#[derive(Clone)]
pub struct Key(SigningKey);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key([redacted])")
    }
}

impl Key {
    /// A key of 64 hex digits, with or without `0x`; `None` where it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0u8; 32];
        hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(text), &mut bytes).ok()?;
        SigningKey::from_slice(&bytes).ok().map(Self)
    }

    /// The address that it signs for.
    pub fn address(&self) -> Address {
        address_of(self.0.verifying_key())
    }

    /// Signs a digest; the same digest has the same signature each time (RFC 6979). `None` for the digest that can't be
    /// signed, which nobody knows.
    pub fn sign(&self, digest: &Hash) -> Option<Signature> {
        let (signature, id) = self.0.sign_prehash_recoverable(digest).ok()?;
        let (r, s) = signature.split_bytes();
        Some(Signature { r: r.into(), s: s.into(), v: 27 + id.to_byte() })
    }
}

fn keccak(parts: &[&[u8]]) -> Hash {
    let mut hasher = Keccak256::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().into()
}

fn address_of(key: &VerifyingKey) -> Address {
    let point = key.to_encoded_point(false);
    let hash = keccak(&[point.as_bytes().get(1..).unwrap_or_default()]);
    let mut address = [0u8; 20];
    address.iter_mut().zip(hash.iter().skip(12)).for_each(|(slot, byte)| *slot = *byte);
    address
}

/// Reads `0x` and 40 hex digits.
pub fn parse_address(text: &str) -> Option<Address> {
    let mut address = [0u8; 20];
    hex::decode_to_slice(text.strip_prefix("0x")?, &mut address).ok()?;
    Some(address)
}

/// The address that signed a digest: how a venue knows who sent a request. `None` for what is no signature.
pub fn recover(digest: &Hash, signature: &Signature) -> Option<Address> {
    let ecdsa = EcdsaSignature::from_scalars(signature.r, signature.s).ok()?;
    let id = RecoveryId::from_byte(signature.v.checked_sub(27)?)?;
    VerifyingKey::recover_from_prehash(digest, &ecdsa, id).ok().map(|key| address_of(&key))
}

/// An L1 action with what is hashed beside it.
#[derive(Clone, Copy, Debug)]
pub struct Action<'a> {
    /// The action as JSON, keys in the venue's order.
    pub json: &'a [u8],
    /// Nonce, ms.
    pub nonce: u64,
    /// The vault or sub-account that it is for.
    pub vault: Option<Address>,
    /// After which the venue refuses it, ms.
    pub expires_after: Option<u64>,
}

impl Action<'_> {
    /// What is signed as `connectionId`.
    ///
    /// # Errors
    /// When the action is no JSON, or holds a number that is not whole.
    pub fn hash(&self) -> Result<Hash, JsonError> {
        let mut bytes = msgpack::from_json(self.json)?;
        bytes.extend(self.nonce.to_be_bytes());
        match self.vault {
            None => bytes.push(0),
            Some(vault) => {
                bytes.push(1);
                bytes.extend(vault);
            }
        }
        if let Some(expires_after) = self.expires_after {
            bytes.push(0);
            bytes.extend(expires_after.to_be_bytes());
        }
        Ok(keccak(&[&bytes]))
    }

    /// The digest that is signed.
    ///
    /// # Errors
    /// As [`Action::hash`].
    pub fn digest(&self, network: Network) -> Result<Hash, JsonError> {
        let agent = keccak(&[&keccak(&[AGENT_TYPE]), &keccak(&[network.source().as_bytes()]), &self.hash()?]);
        Ok(eip712(&domain("Exchange", EXCHANGE_CHAIN), &agent))
    }
}

fn word(number: u64) -> Hash {
    let mut word = [0u8; 32];
    word.iter_mut().skip(24).zip(number.to_be_bytes()).for_each(|(slot, byte)| *slot = byte);
    word
}

/// Separator of a domain of version 1 without contract.
fn domain(name: &str, chain: u64) -> Hash {
    keccak(&[&keccak(&[DOMAIN_TYPE]), &keccak(&[name.as_bytes()]), &keccak(&[b"1"]), &word(chain), &[0; 32]])
}

fn eip712(domain: &Hash, structure: &Hash) -> Hash {
    keccak(&[b"\x19\x01", domain, structure])
}

/// A value of a user-signed action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `string`.
    Text(String),
    /// `uint64`.
    Number(u64),
    /// `bool`.
    Flag(bool),
    /// `address`.
    Address(Address),
    /// `bytes32`.
    Bytes(Hash),
}

impl Value {
    const fn type_name(&self) -> &'static str {
        match self {
            Self::Text(_) => "string",
            Self::Number(_) => "uint64",
            Self::Flag(_) => "bool",
            Self::Address(_) => "address",
            Self::Bytes(_) => "bytes32",
        }
    }

    fn word(&self) -> Hash {
        match self {
            Self::Text(text) => keccak(&[text.as_bytes()]),
            Self::Number(number) => word(*number),
            Self::Flag(flag) => word(u64::from(*flag)),
            Self::Address(address) => {
                let mut word = [0u8; 32];
                word.iter_mut().skip(12).zip(address).for_each(|(slot, byte)| *slot = *byte);
                word
            }
            Self::Bytes(bytes) => *bytes,
        }
    }
}

/// Fields of a user-signed action, in the venue's order.
pub type Fields<'a> = [(&'a str, Value)];

/// The digest of a user-signed action: `primary` as `HyperliquidTransaction:UsdSend`, `chain` its `signatureChainId`.
pub fn user_digest(primary: &str, fields: &Fields<'_>, chain: u64) -> Hash {
    let names: Vec<String> = fields.iter().map(|(name, value)| format!("{} {name}", value.type_name())).collect();
    let kind = format!("{primary}({})", names.join(","));
    let mut encoded = keccak(&[kind.as_bytes()]).to_vec();
    fields.iter().for_each(|(_, value)| encoded.extend(value.word()));
    eip712(&domain("HyperliquidSignTransaction", chain), &keccak(&[&encoded]))
}

/// Nonces of one signer: milliseconds, each used once, whatever the clock does. One process per signer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nonces {
    last: u64,
}

impl Nonces {
    /// Nonces after `last`, as it was kept when the process ended.
    pub const fn after(last: u64) -> Self {
        Self { last }
    }

    /// The next one.
    pub fn next(&mut self, now_ns: u64) -> u64 {
        self.last = (now_ns / 1_000_000).max(self.last.saturating_add(1));
        self.last
    }
}

/// How the venue takes nonces of one signer: the 100 highest are remembered, a new one must be above the least of them and
/// not among them, and lie between two days ago and a day ahead.
#[derive(Clone, Debug, Default)]
pub struct NonceWindow {
    highest: std::collections::BTreeSet<u64>,
}

impl NonceWindow {
    const REMEMBERED: usize = 100;
    const DAY_MS: u64 = 86_400_000;

    /// Whether the venue takes `nonce`, which it then remembers.
    pub fn accept(&mut self, now_ns: u64, nonce: u64) -> bool {
        let now_ms = now_ns / 1_000_000;
        let in_time = nonce > now_ms.saturating_sub(2 * Self::DAY_MS) && nonce < now_ms.saturating_add(Self::DAY_MS);
        let above = self.highest.len() < Self::REMEMBERED || self.highest.first().is_some_and(|least| nonce > *least);
        if !in_time || !above || !self.highest.insert(nonce) {
            return false;
        }
        if self.highest.len() > Self::REMEMBERED {
            self.highest.pop_first();
        }
        true
    }
}

#[cfg(test)]
#[path = "sign_tests.rs"]
mod tests;
