/// Laws of the exact numbers, on seeded random values.
#include <gtest/gtest.h>

#include <string>

#include "thalamus/base/rng.h"
#include "thalamus/tool/arithmetic_facts.h"
#include "thalamus/tool/arithmetic_value.h"
#include "thalamus/tool/rational.h"

namespace thalamus::tool {
namespace {

constexpr std::uint64_t kSeed = 20260701;

BigInt any(base::Rng& rng, std::size_t digits_max) {
  std::string digits(1 + rng.below(digits_max), '0');
  const bool edges = rng.below(4) == 0;  // runs of ones and zeros in binary find carries
  for (char& c : digits) c = static_cast<char>('0' + rng.below(10));
  BigInt value = *BigInt::parse(digits);
  if (edges)
    value =
        power(BigInt(2), static_cast<std::uint32_t>(rng.below(digits_max * 3))) - BigInt(1) + BigInt(rng.between(0, 2));
  return rng.below(2) == 0 ? value : -value;
}

TEST(BigInt, SumsAndProductsCommuteAndDistribute) {
  base::Rng rng(kSeed);
  for (int i = 0; i < 400; ++i) {
    const BigInt a = any(rng, 120);
    const BigInt b = any(rng, 120);
    const BigInt c = any(rng, 60);
    ASSERT_EQ(a + b, b + a) << a.text() << " " << b.text();
    ASSERT_EQ(a * b, b * a);
    ASSERT_EQ((a + b) * c, a * c + b * c);
    ASSERT_EQ(a - a, BigInt(0));
    ASSERT_EQ((a - b) + b, a);
  }
}

TEST(BigInt, DivisionIsTheInverseOfMultiplicationWithARemainder) {
  base::Rng rng(kSeed);
  for (int i = 0; i < 1500; ++i) {
    const BigInt a = any(rng, 160);
    const BigInt b = any(rng, i % 2 == 0 ? 160 : 40);
    if (b.is_zero()) continue;
    ASSERT_EQ((a * b) / b, a) << a.text() << " " << b.text();
    const Division division = divide(a, b);
    ASSERT_EQ(division.quotient * b + division.remainder, a) << a.text() << " " << b.text();
    ASSERT_LT(division.remainder.magnitude(), b.magnitude());
    ASSERT_TRUE(division.remainder.is_zero() || division.remainder.is_negative() == a.is_negative());
  }
}

TEST(BigInt, TextRoundTripsInEveryBase) {
  base::Rng rng(kSeed);
  for (unsigned base = 2; base <= 36; ++base) {
    const BigInt a = any(rng, 90).magnitude();
    ASSERT_EQ(BigInt::parse(a.text(base), base), a) << base;
  }
  EXPECT_FALSE(BigInt::parse("12a").has_value());
  EXPECT_FALSE(BigInt::parse("").has_value());
}

TEST(BigInt, MachineNumbersRoundTrip) {
  for (const std::int64_t value : {INT64_MIN + 1, INT64_C(-1), INT64_C(0), INT64_C(1) << 32, INT64_MAX}) {
    EXPECT_EQ(BigInt(value).to_int64(), value);
    EXPECT_EQ(BigInt(value).text(), std::to_string(value));
  }
  EXPECT_EQ(BigInt(INT64_MIN).text(), std::to_string(INT64_MIN));
  EXPECT_FALSE(power(BigInt(2), 64U).to_uint64().has_value());
}

TEST(BigInt, RootsAreFloors) {
  base::Rng rng(kSeed);
  for (int i = 0; i < 200; ++i) {
    const BigInt a = any(rng, 60).magnitude();
    const auto degree = static_cast<std::uint32_t>(rng.between(2, 7));
    const BigInt root = root_floor(a, degree);
    ASSERT_LE(power(root, degree), a);
    ASSERT_GT(power(root + BigInt(1), degree), a);
  }
}

TEST(BigInt, CommonDivisorsDivideAndAreGreatest) {
  base::Rng rng(kSeed);
  for (int i = 0; i < 200; ++i) {
    const BigInt a = any(rng, 30);
    const BigInt b = any(rng, 30);
    const BigInt k = any(rng, 20);
    const BigInt common = gcd(a, b);
    if (common.is_zero()) continue;
    ASSERT_TRUE((a % common).is_zero() && (b % common).is_zero());
    ASSERT_TRUE(gcd(a / common, b / common).is_one());
    ASSERT_EQ(gcd(a * k, b * k), common * k.magnitude());
  }
}

TEST(Rational, FieldLawsHold) {
  base::Rng rng(kSeed);
  for (int i = 0; i < 300; ++i) {
    const auto fraction = [&] { return Rational(any(rng, 20), power(any(rng, 8), 2U) + BigInt(1)); };
    const Rational a = fraction();
    const Rational b = fraction();
    const Rational c = fraction();
    ASSERT_EQ((a + b) * c, a * c + b * c);
    ASSERT_EQ(a - b + b, a);
    if (!b.is_zero()) {
      ASSERT_EQ(a / b * b, a);
    }
    ASSERT_LE(Rational(a.floor()), a);
    ASSERT_GE(Rational(a.ceiling()), a);
    ASSERT_LE((Rational(a.nearest()) - a).magnitude(), rational("0.5"));
  }
}

TEST(Rational, DecimalTextsAreNear) {
  base::Rng rng(kSeed);
  for (int i = 0; i < 200; ++i) {
    const Rational a(any(rng, 25), any(rng, 12).magnitude() + BigInt(1));
    const auto decimals = static_cast<std::uint32_t>(rng.below(12));
    const Rational rounded = rational(a.fixed_text(decimals));
    const Rational half = Rational(1) / Rational(power(BigInt(10), decimals)) / Rational(2);
    ASSERT_LE((rounded - a).magnitude(), half) << a.fraction_text();
    ASSERT_LE((rational(a.significant_text(6)) - a).magnitude(), a.magnitude() * rational("0.00001"));
  }
  EXPECT_EQ(rational("0.5").fixed_text(0), "1");
  EXPECT_EQ(rational("-0.005").fixed_text(2), "-0.01");
  EXPECT_EQ(rational("-0.001").fixed_text(2), "0.00");
  EXPECT_EQ(rational("999999.5").significant_text(6), "1000000");
}

TEST(Rational, ParsingIsStrict) {
  EXPECT_EQ(Rational::parse("1,234,567.5"), rational("1234567.5"));
  EXPECT_EQ(Rational::parse("-1.5e-3"), rational("-3/2000"));
  for (const char* text : {"", "1,23", "1.2.3", "abc", "1/0", "--1", "1e999", "1e", ".", "12,3456"}) {
    EXPECT_FALSE(Rational::parse(text).has_value()) << text;
  }
}

TEST(Evaluator, RefusesWhatHasNoValueOrIsTooLarge) {
  Evaluator evaluator;
  EXPECT_FALSE(evaluator.divide(Value(1), Value(0)).has_value());
  EXPECT_FALSE(evaluator.raise(Value(0), Value(0)).has_value());
  EXPECT_FALSE(evaluator.root(Value(-4), 2).has_value());
  EXPECT_FALSE(evaluator.raise(Value(10), Value(5000)).has_value());
  EXPECT_FALSE(evaluator.factorial(Value(801)).has_value());
  EXPECT_FALSE(evaluator.modulo(Value(-7), Value(3)).has_value());
}

TEST(Evaluator, RootIntervalsHoldTheRoot) {
  Evaluator evaluator;
  const auto root = evaluator.root(Value(2), 2);
  ASSERT_TRUE(root.has_value());
  EXPECT_FALSE(root->is_exact());
  EXPECT_LT(root->low * root->low, Rational(2));
  EXPECT_GT(root->high * root->high, Rational(2));
}

TEST(Primes, AgreeWithASieve) {
  constexpr std::uint64_t kLimit = 20'000;
  std::vector<bool> composite(kLimit);
  for (std::uint64_t i = 2; i < kLimit; ++i) {
    for (std::uint64_t j = i * i; j < kLimit; j += i) composite[j] = true;
    ASSERT_EQ(is_prime(i), !composite[i]) << i;
  }
  EXPECT_FALSE(is_prime(0));
  EXPECT_FALSE(is_prime(1));
  EXPECT_TRUE(is_prime(18446744073709551557ULL));
  EXPECT_FALSE(is_prime(3825123056546413051ULL));  // a strong pseudoprime to the first nine prime bases
}

}  // namespace
}  // namespace thalamus::tool
