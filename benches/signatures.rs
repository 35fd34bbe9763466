//! Cost of one signature of each algorithm, in microseconds of one core: `{"ES256":21.4,…}`. `benches/tokens`
//! compares it with the cost of a whole token.

use std::hint::black_box;
use std::time::{Duration, Instant};

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaEncoding, RsaKeyPair,
};

/// About the length of an access token's signing input.
const MESSAGE: [u8; 500] = [b'x'; 500];

/// Duration of each measurement.
const LONG: Duration = Duration::from_secs(2);

fn main() {
    // A run of all benches asks each for its list, or for a trial run, with an argument.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let random = SystemRandom::new();
    let p256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    let ed25519 = Ed25519KeyPair::generate().expect("a key");
    let es256 = micros(|| {
        black_box(p256.sign(&random, &MESSAGE).expect("a signature"));
    });
    let eddsa = micros(|| {
        black_box(ed25519.sign(&MESSAGE));
    });
    let (rs256, ps256) = (rsa(&RSA_PKCS1_SHA256), rsa(&RSA_PSS_SHA256));
    println!(r#"{{"ES256":{es256:.2},"EdDSA":{eddsa:.2},"RS256":{rs256:.2},"PS256":{ps256:.2}}}"#);
}

fn rsa(padding: &'static dyn RsaEncoding) -> f64 {
    let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).expect("a key");
    let pkcs8: Pkcs8V1Der<'_> = pair.as_der().expect("its encoding");
    let pair = RsaKeyPair::from_pkcs8(pkcs8.as_ref()).expect("the same key");
    let mut signature = vec![0; pair.public_modulus_len()];
    micros(|| pair.sign(padding, &SystemRandom::new(), &MESSAGE, &mut signature).expect("a signature"))
}

/// Returns the cost of one call, averaged over the duration.
fn micros(mut once: impl FnMut()) -> f64 {
    let (mut done, began) = (0_u32, Instant::now());
    while began.elapsed() < LONG {
        (0..10).for_each(|_| once());
        done += 10;
    }
    began.elapsed().as_secs_f64() * 1e6 / f64::from(done)
}
