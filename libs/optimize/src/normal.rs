//! The standard normal distribution: density, cumulative probability, quantile, and the mass of an interval.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// ln(sqrt(2 pi)): the constant in the logarithm of the density.
pub const LN_SQRT_2PI: f64 = 0.918_938_533_204_672_8;

/// Density at `z`.
pub fn pdf(z: f64) -> f64 {
    (-0.5 * z * z).exp() / (2.0 * PI).sqrt()
}

/// Probability of a value at or below `z`; exact to about 1e-15 relative in both tails, through erfc.
pub fn cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z * FRAC_1_SQRT_2)
}

/// Probability of a value between `low` and `high`, without loss of digits in the tails; 0 where `low` >= `high`.
pub fn mass(low: f64, high: f64) -> f64 {
    if low >= high {
        return 0.0;
    }
    // Differences are taken on the side where both numbers are small.
    let (low, high) = if low > 0.0 { (-high, -low) } else { (low, high) };
    cdf(high) - cdf(low)
}

/// The value that a standard normal variable is below with probability `p`: Wichura, algorithm AS 241 (PPND16), Applied
/// Statistics 37 (1988), exact to about 1e-16 relative. Infinite at 0 and 1; beyond them, the nearer of the two.
pub fn quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180_625 - q * q;
        return q * polynomial(&A, r) / polynomial(&B, r);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    if tail <= 0.0 {
        return if q < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    let r = (-tail.ln()).sqrt();
    let z = if r <= 5.0 {
        polynomial(&C, r - 1.6) / polynomial(&D, r - 1.6)
    } else {
        polynomial(&E, r - 5.0) / polynomial(&F, r - 5.0)
    };
    if q < 0.0 { -z } else { z }
}

/// Coefficients from the constant term up.
fn polynomial(coefficients: &[f64; 8], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, coefficient| sum * x + coefficient)
}

// Digits as published.
#[rustfmt::skip]
const A: [f64; 8] = [3.387_132_872_796_366_5, 133.141_667_891_784_38, 1_971.590_950_306_551_3, 13_731.693_765_509_46, 45_921.953_931_549_87, 67_265.770_927_008_7, 33_430.575_583_588_13, 2_509.080_928_730_122_7];
#[rustfmt::skip]
const B: [f64; 8] = [1.0, 42.313_330_701_600_91, 687.187_007_492_057_9, 5_394.196_021_424_751, 21_213.794_301_586_597, 39_307.895_800_092_71, 28_729.085_735_721_943, 5_226.495_278_852_854];
#[rustfmt::skip]
const C: [f64; 8] = [1.423_437_110_749_683_5, 4.630_337_846_156_546, 5.769_497_221_460_691, 3.647_848_324_763_204_5, 1.270_458_252_452_368_4, 0.241_780_725_177_450_6, 0.022_723_844_989_269_184, 7.745_450_142_783_414e-4];
#[rustfmt::skip]
const D: [f64; 8] = [1.0, 2.053_191_626_637_759, 1.676_384_830_183_803_8, 0.689_767_334_985_1, 0.148_103_976_427_480_08, 0.015_198_666_563_616_457, 5.475_938_084_995_345e-4, 1.050_750_071_644_416_9e-9];
#[rustfmt::skip]
const E: [f64; 8] = [6.657_904_643_501_103, 5.463_784_911_164_114, 1.784_826_539_917_291_3, 0.296_560_571_828_504_87, 0.026_532_189_526_576_124, 0.001_242_660_947_388_078_4, 2.711_555_568_743_487_6e-5, 2.010_334_399_292_288_1e-7];
#[rustfmt::skip]
const F: [f64; 8] = [1.0, 0.599_832_206_555_888, 0.136_929_880_922_735_8, 0.014_875_361_290_850_615, 7.868_691_311_456_133e-4, 1.846_318_317_510_054_8e-5, 1.421_511_758_316_446e-7, 2.044_263_103_389_939_8e-15];

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64, relative: f64) -> bool {
        (a - b).abs() <= relative * b.abs()
    }

    #[test]
    fn values_of_the_tables() {
        // As SciPy gives them.
        for (z, p) in [
            (0.0, 0.5),
            (1.0, 0.841_344_746_068_542_9),
            (-1.0, 0.158_655_253_931_457_05),
            (1.959_963_984_540_054, 0.975),
            (-6.0, 9.865_876_450_376_946e-10),
            (-20.0, 2.753_624_118_606_155_6e-89),
        ] {
            assert!(close(cdf(z), p, 1e-13), "cdf({z}) = {}", cdf(z));
            assert!((quantile(p) - z).abs() <= 1e-13 * (1.0 + z.abs()), "quantile({p}) = {}", quantile(p));
        }
        assert!(close(pdf(0.5), 0.352_065_326_764_299_5, 1e-15));
    }

    #[test]
    fn quantile_undoes_cdf() {
        for step in -300..=80 {
            let z = f64::from(step) * 0.1;
            let again = quantile(cdf(z));
            // Above the middle 1 - p has lost digits before `quantile` sees it.
            let tolerance = if z <= 0.0 { 1e-13 * (1.0 - z) } else { 4.0 * f64::EPSILON / pdf(z) };
            assert!((again - z).abs() <= tolerance.max(1e-13), "{z} -> {again}");
        }
        assert_eq!((quantile(0.0), quantile(1.0)), (f64::NEG_INFINITY, f64::INFINITY));
    }

    #[test]
    fn mass_keeps_its_digits_in_both_tails() {
        assert!(close(mass(10.0, 11.0), mass(-11.0, -10.0), 1e-15));
        assert!(close(mass(10.0, 11.0), 7.619_661_958_203_02e-24, 1e-12), "{:e}", mass(10.0, 11.0));
        assert_eq!(mass(1.0, 1.0), 0.0);
        assert!(close(mass(f64::NEG_INFINITY, f64::INFINITY), 1.0, 1e-15));
    }
}
