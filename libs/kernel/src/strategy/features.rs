//! What indicators say of a bar: numbers, each with a name.

/// The struct `Features` of these numbers, one of them `atr`.
macro_rules! features {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// What the indicators say of one bar.
        #[derive(Clone, Copy, Debug, Default, PartialEq)]
        pub struct Features {
            $($(#[doc = $doc])+ pub $name: f64,)+
        }

        impl crate::strategy::Features for Features {
            fn atr(&self) -> f64 {
                self.atr
            }

            fn digest_into(&self, digest: crate::digest::Digest) -> crate::digest::Digest {
                digest$(.f64(self.$name))+
            }
        }
    };
}

pub(super) use features;
