//! What the host launches: a thread each configuration, named as its strategy.

use core::arch::nvptx::{_block_dim_x, _block_idx_x, _thread_idx_x, trap};

use mesh_kernel::strategy::e3::E3;
use mesh_kernel::strategy::funding_fade::FundingFade;
use mesh_kernel::strategy::momentum::Momentum;

use crate::layout::Job;
use crate::thread::run_configuration;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: it ends the launch with an error, which the host reports.
    unsafe { trap() }
}

macro_rules! entries {
    ($($name:ident: $strategy:ty;)+) => {
        $(
            /// See [`run_configuration`].
            ///
            /// # Safety
            /// As `run_configuration` asks.
            #[unsafe(no_mangle)]
            pub unsafe extern "ptx-kernel" fn $name(job: *const Job) {
                // SAFETY: the launch has as many threads as configurations, but for the last block's rest.
                unsafe {
                    let number = _block_idx_x() * _block_dim_x() + _thread_idx_x();
                    if u64::from(number) < (*job).configurations {
                        run_configuration::<$strategy>(&*job, number);
                    }
                }
            }
        )+
    };
}

entries! {
    momentum: Momentum;
    e3: E3;
    funding_fade: FundingFade;
}
