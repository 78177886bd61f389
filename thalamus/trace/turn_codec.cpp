/// A Turn as bytes: marker, version, then the members in the order of core::Turn. Members are only ever added at the
/// end, with a new minor version.
#include <cstring>
#include <string>
#include <type_traits>

#include "thalamus/base/assert.h"
#include "thalamus/base/bytes.h"
#include "thalamus/trace/record_log.h"
#include "thalamus/trace/segment.h"

namespace thalamus::trace {
namespace {

using base::ByteReader;

constexpr std::uint8_t kMajor = 1;
constexpr std::uint8_t kMinor = 1;

/// The layout is said once, by `put_turn`, and walked twice: for its size, then for its bytes.
class Measure {
 public:
  void raw(const void* /*bytes*/, std::size_t size) noexcept { size_ += size; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  std::size_t size_ = 0;
};

/// Writes where `Measure` has made sure that there is room.
class Fill {
 public:
  explicit Fill(char* at) noexcept : at_(at) {}
  void raw(const void* bytes, std::size_t size) noexcept {
    if (size == 0) return;  // an empty vector may have no address
    std::memcpy(at_, bytes, size);
    at_ += size;
  }
  [[nodiscard]] const char* at() const noexcept { return at_; }

 private:
  char* at_;
};

template <class Out, base::Scalar T>
void put(Out& out, T value) {
  out.raw(&value, sizeof value);
}

template <class Out>
void put_string(Out& out, std::string_view text) {
  put(out, static_cast<std::uint32_t>(text.size()));
  out.raw(text.data(), text.size());
}

template <class Out, base::Scalar T>
void put_array(Out& out, const std::vector<T>& values) {
  put(out, static_cast<std::uint64_t>(values.size()));
  out.raw(values.data(), values.size() * sizeof(T));
}

template <class Out, class T>
void put_optional(Out& out, const std::optional<T>& value) {
  put(out, static_cast<std::uint8_t>(value.has_value() ? 1 : 0));
  if (value) put(out, *value);
}

template <class Out>
void put_estimate(Out& out, const core::Estimate& e) {
  const double values[] = {e.quality, e.quality_sd, e.cost_usd,      e.cost_usd_sd,
                           e.seconds, e.seconds_sd, e.output_tokens, e.preference};
  out.raw(values, sizeof values);
}

template <class Out>
void put_outcome(Out& out, const core::Outcome& o) {
  put(out, o.usage.input);
  put(out, o.usage.cached_input);
  put(out, o.usage.output);
  put(out, o.usage.reasoning);
  put(out, static_cast<std::uint8_t>(o.usage.known ? 1 : 0));
  put(out, o.cost.value);
  put(out, o.queue.value);
  put(out, o.first_token.value);
  put(out, o.total.value);
  put(out, o.finish);
  put_optional(out, o.failure);
  put_optional(out, o.quality);
  put_optional(out, o.answered_by);
  put(out, static_cast<std::uint32_t>(o.attempts.size()));
  for (const core::Attempt& attempt : o.attempts) {
    put(out, attempt.target);
    put(out, attempt.status);
    put_optional(out, attempt.failure);
    put(out, attempt.duration.value);
  }
}

template <class Out>
void put_turn(Out& out, const core::Turn& turn) {
  put(out, kRecordMarker);
  put(out, kMajor);
  put(out, kMinor);
  put_string(out, turn.decision_id);
  put(out, turn.arrived_unix_ns);
  put(out, turn.configuration_generation);
  put(out, turn.snapshot_hash);
  put_string(out, turn.route);
  put(out, static_cast<std::uint32_t>(turn.targets.size()));
  for (const auto& name : turn.targets) put_string(out, name);
  put(out, turn.feature_schema);
  put_array(out, turn.features);
  put(out, static_cast<std::uint32_t>(turn.estimates.size()));
  for (const core::Estimate& estimate : turn.estimates) put_estimate(out, estimate);
  put_array(out, turn.plan);
  put_array(out, turn.propensity);
  put(out, turn.binding);
  put(out, turn.reason);
  put(out, turn.prompt_hash);
  put_string(out, turn.content);
  put_string(out, turn.answer);
  put_outcome(out, turn.outcome);
  put(out, turn.outcome.usage.cache_write);  // since 1.1
}

Result<bool> get_flag(ByteReader& in) {
  TRY(const auto byte, in.get<std::uint8_t>());
  if (byte > 1) return fail(ErrorKind::kCorrupt, "a flag holds {}", byte);
  return byte == 1;
}

/// An enumeration whose last value is known.
template <class Enum>
Result<Enum> get_enum(ByteReader& in, Enum last) {
  using Number = std::underlying_type_t<Enum>;
  TRY(const auto number, in.get<Number>());
  if (number > static_cast<Number>(last)) return fail(ErrorKind::kCorrupt, "an enumeration holds {}", number);
  return static_cast<Enum>(number);
}

Result<std::optional<ErrorKind>> get_failure(ByteReader& in) {
  TRY(const bool present, get_flag(in));
  if (!present) return std::optional<ErrorKind>();
  TRY(const ErrorKind kind, get_enum(in, ErrorKind::kInternal));
  return std::optional(kind);
}

template <class T>
Result<std::optional<T>> get_optional(ByteReader& in) {
  TRY(const bool present, get_flag(in));
  if (!present) return std::optional<T>();
  TRY(const T value, in.get<T>());
  return std::optional(value);
}

/// A count of items that take at least `item_bytes` each.
Result<std::uint32_t> get_count(ByteReader& in, std::size_t item_bytes) {
  TRY(const auto count, in.get<std::uint32_t>());
  if (count > in.remaining() / item_bytes)
    return fail(ErrorKind::kCorrupt, "truncated: {} items wanted, {} bytes left", count, in.remaining());
  return count;
}

Result<core::Estimate> get_estimate(ByteReader& in) {
  core::Estimate e;
  for (double* x : {&e.quality, &e.quality_sd, &e.cost_usd, &e.cost_usd_sd, &e.seconds, &e.seconds_sd, &e.output_tokens,
                    &e.preference}) {
    TRY(*x, in.get<double>());
  }
  return e;
}

Result<core::Outcome> get_outcome(ByteReader& in) {
  core::Outcome o;
  TRY(o.usage.input, in.get<std::uint32_t>());
  TRY(o.usage.cached_input, in.get<std::uint32_t>());
  TRY(o.usage.output, in.get<std::uint32_t>());
  TRY(o.usage.reasoning, in.get<std::uint32_t>());
  TRY(o.usage.known, get_flag(in));
  TRY(o.cost.value, in.get<std::int64_t>());
  TRY(o.queue.value, in.get<std::int64_t>());
  TRY(o.first_token.value, in.get<std::int64_t>());
  TRY(o.total.value, in.get<std::int64_t>());
  TRY(o.finish, get_enum(in, core::Finish::kUnknown));
  TRY(o.failure, get_failure(in));
  TRY(o.quality, get_optional<double>(in));
  TRY(o.answered_by, get_optional<std::uint16_t>(in));
  constexpr std::size_t kAttemptBytesMin = 2 + 4 + 1 + 8;
  TRY(const auto attempts, get_count(in, kAttemptBytesMin));
  o.attempts.reserve(attempts);
  for (std::uint32_t i = 0; i < attempts; ++i) {
    core::Attempt attempt;
    TRY(attempt.target, in.get<std::uint16_t>());
    TRY(attempt.status, in.get<std::int32_t>());
    TRY(attempt.failure, get_failure(in));
    TRY(attempt.duration.value, in.get<std::int64_t>());
    o.attempts.push_back(attempt);
  }
  return o;
}

Result<std::vector<std::string>> get_names(ByteReader& in) {
  TRY(const auto count, get_count(in, sizeof(std::uint32_t)));
  std::vector<std::string> names;
  names.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    TRY(std::string name, in.get_string());
    names.push_back(std::move(name));
  }
  return names;
}

Result<std::vector<core::Estimate>> get_estimates(ByteReader& in) {
  TRY(const auto count, get_count(in, 8 * sizeof(double)));
  std::vector<core::Estimate> estimates;
  estimates.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    TRY(const core::Estimate estimate, get_estimate(in));
    estimates.push_back(estimate);
  }
  return estimates;
}

/// Indices name targets of the turn.
Status check_references(const core::Turn& turn) {
  const auto inside = [&turn](std::uint16_t target) { return target < turn.targets.size(); };
  for (const std::uint16_t target : turn.plan)
    if (!inside(target))
      return fail(ErrorKind::kCorrupt, "the plan names target {} of {}", target, turn.targets.size());
  for (const core::Attempt& attempt : turn.outcome.attempts)
    if (!inside(attempt.target))
      return fail(ErrorKind::kCorrupt, "an attempt names target {} of {}", attempt.target, turn.targets.size());
  if (turn.outcome.answered_by && !inside(*turn.outcome.answered_by))
    return fail(ErrorKind::kCorrupt, "the answer names target {} of {}", *turn.outcome.answered_by,
                turn.targets.size());
  return {};
}

}  // namespace

void encode_turn(const core::Turn& turn, std::string& out) {
  Measure measure;
  put_turn(measure, turn);
  const std::size_t begin = out.size();
  const std::size_t end = begin + measure.size();
  // The size that is passed in is not used: libstdc++ 12 passes the capacity where it had to grow.
  out.resize_and_overwrite(end, [&](char* bytes, std::size_t /*size*/) {
    Fill fill(bytes + begin);
    put_turn(fill, turn);
    THALAMUS_DEBUG_ASSERT(fill.at() == bytes + end);
    return end;
  });
}

std::string encode_turn(const core::Turn& turn) {
  std::string out;
  encode_turn(turn, out);
  return out;
}

Result<core::Turn> decode_turn(std::string_view payload) {
  ByteReader in(payload);
  TRY(const auto marker, in.get<std::uint32_t>());
  if (marker != kRecordMarker) return fail(ErrorKind::kCorrupt, "not a decision record (wrong marker)");
  TRY(const auto major, in.get<std::uint8_t>());
  TRY(const auto minor, in.get<std::uint8_t>());
  if (major != kMajor)
    return fail(ErrorKind::kUnsupported, "a decision record of version {}.{}; this build reads {}.x", major, minor,
                kMajor);
  core::Turn turn;
  TRY(turn.decision_id, in.get_string());
  TRY(turn.arrived_unix_ns, in.get<std::int64_t>());
  TRY(turn.configuration_generation, in.get<std::uint64_t>());
  TRY(turn.snapshot_hash, in.get<std::uint64_t>());
  TRY(turn.route, in.get_string());
  TRY(turn.targets, get_names(in));
  TRY(turn.feature_schema, in.get<std::uint64_t>());
  TRY(turn.features, in.get_array<float>());
  TRY(turn.estimates, get_estimates(in));
  TRY(turn.plan, in.get_array<std::uint16_t>());
  TRY(turn.propensity, in.get_array<float>());
  TRY(turn.binding, in.get<core::Exclusion>());
  TRY(turn.reason, get_enum(in, core::Reason::kInfeasible));
  TRY(turn.prompt_hash, in.get<std::uint64_t>());
  TRY(turn.content, in.get_string());
  TRY(turn.answer, in.get_string());
  TRY(turn.outcome, get_outcome(in));
  if (minor >= 1) {
    TRY(turn.outcome.usage.cache_write, in.get<std::uint32_t>());
  }
  if (minor <= kMinor && in.remaining() > 0)
    return fail(ErrorKind::kCorrupt, "{} bytes follow the end of a decision record", in.remaining());
  CHECK_OK(check_references(turn));
  return turn;
}

}  // namespace thalamus::trace
