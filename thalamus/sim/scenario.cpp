#include "thalamus/sim/scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "thalamus/base/text.h"
#include "thalamus/compose/strategy.h"

namespace thalamus::sim {
namespace {

using Number = base::Range<double>;
using Whole = base::Range<std::int64_t>;

constexpr Number kChance{0, 1};
constexpr double kDayMs = 86'400'000;
constexpr std::int64_t kPlacesMax = 1'000'000;

struct WorkloadLine {
  Workload workload;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("rate", workload.rate_per_s, Number{1e-6, 1e6}, "requests a second, Poisson");
    visit("seconds", workload.arrivals_s, Number{0, 1e7}, "how long requests arrive");
    visit("requests_max", workload.requests_max, Whole{1, kRequestsMax}, "requests at most");
    visit("client_gone", workload.client_gone, kChance, "chance that a client leaves early");
    visit("patience_ms", workload.patience_ms, Number{0.001, kDayMs}, "mean time after which such a client leaves");
    visit("input_tokens", workload.input_tokens, Number{1, 1e7}, "median length of a request");
    visit("health_delay_ms", workload.health_delay_ms, Number{0, kDayMs}, "until an outage is seen");
  }
};

// -1 stands for a limit that is not set.
struct ContractLine {
  double max_cost_usd = -1;
  double max_latency_ms = -1;
  double max_ttft_ms = -1;
  double min_quality = -1;
  double answer_usd = 0;
  double second_usd = 0;
  double explore_rate = 0.02;
  std::string explore = "never";
  std::string on_infeasible = "fail";

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("max_cost_usd", max_cost_usd, Number{-1, 1e9}, "of one request; -1: no limit");
    visit("max_latency_ms", max_latency_ms, Number{-1, 1e9}, "expected; -1: no limit");
    visit("max_ttft_ms", max_ttft_ms, Number{-1, 1e9}, "expected; -1: no limit");
    visit("min_quality", min_quality, Number{-1, 1}, "expected; -1: no limit");
    visit("answer_usd", answer_usd, Number{0, 1e9}, "worth of a good answer");
    visit("second_usd", second_usd, Number{0, 1e9}, "price of a second of waiting");
    visit("explore_rate", explore_rate, Number{0, 0.5}, "chance of a draw where exploration is allowed");
    visit("explore", explore, base::Choices{{"never", "allowed"}}, "whether requests may be drawn at random");
    visit("on_infeasible", on_infeasible, base::Choices{{"fail", "nearest"}}, "when no target keeps the limits");
  }
};

struct TargetLine {
  SimTarget target;
  std::int64_t concurrency = 0;
  std::int64_t queue = 64;
  std::int64_t context = 0;
  double connect_timeout_ms = 5'000;
  double first_byte_timeout_ms = 120'000;
  double idle_timeout_ms = 60'000;
  double total_timeout_ms = 600'000;
  std::string outage;

  template <class Visitor>
  void fields(Visitor& visit) {
    auto& prices = target.target.prices;
    visit("quality", target.quality, kChance, "chance of a good answer");
    visit("service_ms", target.service_ms, Number{0.001, kDayMs}, "median time of a call");
    visit("sigma", target.service_sigma, Number{0, 3}, "of the logarithm of that time");
    visit("first_content_share", target.first_content_share, kChance, "part of the time until the first content");
    visit("output_tokens", target.output_tokens, Number{1, 1e7}, "median length of an answer");
    visit("fail_before", target.fail_before, kChance, "chance to fail before the first content");
    visit("fail_after", target.fail_after, kChance, "chance to fail after the first content");
    visit("stall", target.stall, kChance, "chance to fall silent");
    visit("reject", target.reject, kChance, "chance to refuse for good");
    visit("concurrency", concurrency, Whole{0, kPlacesMax}, "calls at a time; 0: no limit");
    visit("queue", queue, Whole{0, kPlacesMax}, "callers waiting at most");
    visit("context", context, Whole{0, 100'000'000}, "tokens; 0: unknown");
    visit("price_input", prices.input, Number{0, 1e6}, "USD per million tokens");
    visit("price_output", prices.output, Number{0, 1e6}, "USD per million tokens");
    visit("connect_timeout_ms", connect_timeout_ms, Number{1, kDayMs}, "until a connection stands");
    visit("first_byte_timeout_ms", first_byte_timeout_ms, Number{1, kDayMs}, "until the first content");
    visit("idle_timeout_ms", idle_timeout_ms, Number{1, kDayMs}, "of silence");
    visit("total_timeout_ms", total_timeout_ms, Number{1, kDayMs}, "of a whole call");
    visit("outage", outage, base::Choices{}, "seconds, as 100..160;300..320");
  }
};

Nanoseconds from_ms(double ms) { return Nanoseconds::from_seconds(ms * 1e-3); }

Result<std::vector<Outage>> parse_outages(std::string_view text) {
  std::vector<Outage> outages;
  if (text.empty()) return outages;
  for (const auto piece : base::split(text, ';')) {
    const auto dots = piece.find("..");
    const auto from = base::parse_number<double>(piece.substr(0, dots));
    const auto to = dots == std::string_view::npos ? std::nullopt : base::parse_number<double>(piece.substr(dots + 2));
    if (!from || !to || *from < 0 || *to <= *from)
      return fail(ErrorKind::kInvalidInput, "outage: expected seconds as from..to, such as 100..160, got '{}'", piece);
    outages.push_back({Nanoseconds::from_seconds(*from), Nanoseconds::from_seconds(*to)});
    if (outages.size() > kOutagesMax)
      return fail(ErrorKind::kInvalidInput, "outage: more than {} windows", kOutagesMax);
  }
  return outages;
}

std::optional<double> limit_or_none(double value) { return value < 0 ? std::nullopt : std::optional(value); }

Status check_strategy(const SimScenario& scenario) {
  const auto* record = compose::find_strategy(scenario.strategy);
  if (record == nullptr) return fail(ErrorKind::kInvalidInput, "unknown strategy '{}'", scenario.strategy);
  if (auto made = record->make(core::Plan{}, scenario.strategy_options); !made)
    return std::unexpected(std::move(made).error());
  return {};
}

Status check_policy(const SimScenario& scenario) {
  const auto* record = dispatch::find_policy(scenario.policy);
  if (record == nullptr) return fail(ErrorKind::kInvalidInput, "unknown policy '{}'", scenario.policy);
  const std::array<dispatch::TargetLimits, 1> limits{};
  if (auto made = record->make(limits, scenario.policy_options); !made) return std::unexpected(std::move(made).error());
  return {};
}

/// One line, split: `head name a=1 b=2`.
struct Line {
  std::string_view head;
  std::string_view name;
  base::OptionMap options;
};

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  for (std::size_t at = 0; (at = text.find_first_not_of(" \t", at)) != std::string_view::npos;) {
    const std::size_t end = std::min(text.find_first_of(" \t", at), text.size());
    words.push_back(text.substr(at, end - at));
    at = end;
  }
  return words;
}

Result<Line> parse_line(std::string_view text) {
  Line line;
  for (const auto word : words_of(text)) {
    const auto equals = word.find('=');
    if (line.head.empty()) {
      line.head = word;
    } else if (equals == std::string_view::npos && line.name.empty() && line.options.empty()) {
      line.name = word;
    } else if (equals == std::string_view::npos || equals == 0) {
      return fail(ErrorKind::kInvalidInput, "expected name=value, got '{}'", word);
    } else if (!line.options.emplace(word.substr(0, equals), word.substr(equals + 1)).second) {
      return fail(ErrorKind::kInvalidInput, "'{}' is given twice", word.substr(0, equals));
    }
  }
  return line;
}

class ScenarioReader {
 public:
  Status read(const Line& line) {
    static const std::vector<std::string> kHeads{"workload", "contract", "strategy", "policy", "target"};
    if (std::find(kHeads.begin(), kHeads.end(), line.head) == kHeads.end())
      return fail(ErrorKind::kInvalidInput, "expected {}, got '{}'{}", fmt::join(kHeads, ", "), line.head,
                  base::did_you_mean(line.head, kHeads));
    const bool named = line.head != "workload" && line.head != "contract";
    if (named && line.name.empty()) return fail(ErrorKind::kInvalidInput, "{}: expected a name after it", line.head);
    if (!named && !line.name.empty())
      return fail(ErrorKind::kInvalidInput, "{}: expected name=value, got '{}'", line.head, line.name);
    if (line.head == "target") return read_target(line);
    if (!seen_.insert(std::string(line.head)).second)
      return fail(ErrorKind::kInvalidInput, "'{}' is given twice", line.head);
    if (line.head == "workload") return read_workload(line);
    if (line.head == "contract") return read_contract(line);
    return line.head == "strategy" ? read_strategy(line) : read_policy(line);
  }
  [[nodiscard]] SimScenario take() { return std::move(scenario_); }

 private:
  Status read_workload(const Line& line) {
    TRY(const auto parsed, base::parse_options<WorkloadLine>(line.options));
    scenario_.workload = parsed.workload;
    return {};
  }

  Status read_contract(const Line& line) {
    TRY(const auto parsed, base::parse_options<ContractLine>(line.options));
    auto& contract = scenario_.contract;
    contract.max_cost_usd = limit_or_none(parsed.max_cost_usd);
    contract.max_latency_ms = limit_or_none(parsed.max_latency_ms);
    contract.max_ttft_ms = limit_or_none(parsed.max_ttft_ms);
    contract.min_quality = limit_or_none(parsed.min_quality);
    if (parsed.answer_usd > 0 || parsed.second_usd > 0)
      contract.worth = core::Worth{parsed.answer_usd, parsed.second_usd};
    contract.explore = parsed.explore == "allowed" ? core::Explore::kAllowed : core::Explore::kNever;
    contract.on_infeasible =
        parsed.on_infeasible == "nearest" ? core::OnInfeasible::kNearest : core::OnInfeasible::kFail;
    scenario_.explore_rate = parsed.explore_rate;
    return {};
  }

  Status read_strategy(const Line& line) {
    scenario_.strategy = line.name;
    scenario_.strategy_options = line.options;
    return check_strategy(scenario_);
  }

  Status read_policy(const Line& line) {
    scenario_.policy = line.name;
    scenario_.policy_options = line.options;
    return check_policy(scenario_);
  }

  Status read_target(const Line& line) {
    TRY(auto parsed, base::parse_options<TargetLine>(line.options));
    for (const auto& other : scenario_.targets)
      if (other.target.name == line.name)
        return fail(ErrorKind::kInvalidInput, "target '{}' is given twice", line.name);
    SimTarget target = std::move(parsed.target);
    target.target.name = line.name;
    target.target.context_tokens = static_cast<std::uint32_t>(parsed.context);
    target.limits.concurrency_max = static_cast<std::uint32_t>(parsed.concurrency);
    target.limits.queue_length_max = static_cast<std::uint32_t>(parsed.queue);
    target.limits.connect_timeout = from_ms(parsed.connect_timeout_ms);
    target.limits.first_byte_timeout = from_ms(parsed.first_byte_timeout_ms);
    target.limits.idle_timeout = from_ms(parsed.idle_timeout_ms);
    target.limits.total_timeout = from_ms(parsed.total_timeout_ms);
    TRY(target.outages, parse_outages(parsed.outage));
    scenario_.targets.push_back(std::move(target));
    return {};
  }

  SimScenario scenario_;
  std::set<std::string> seen_;
};

bool is_chance(double value) { return value >= 0 && value <= 1; }

Status validate_target(const SimTarget& target) {
  const auto& name = target.target.name;
  if (name.empty()) return fail(ErrorKind::kInvalidInput, "a target has no name");
  if (!is_chance(target.quality) || !is_chance(target.first_content_share) || !is_chance(target.fail_before) ||
      !is_chance(target.fail_after) || !is_chance(target.stall) || !is_chance(target.reject))
    return fail(ErrorKind::kInvalidInput, "target '{}': chances and shares are from 0 to 1", name);
  if (!(target.service_ms > 0) || !(target.service_sigma >= 0) || !(target.output_tokens >= 1))
    return fail(ErrorKind::kInvalidInput, "target '{}': times and lengths are positive", name);
  for (const auto limit : {target.limits.connect_timeout, target.limits.first_byte_timeout, target.limits.idle_timeout,
                           target.limits.total_timeout})
    if (limit <= Nanoseconds{}) return fail(ErrorKind::kInvalidInput, "target '{}': time-outs are positive", name);
  return {};
}

}  // namespace

Status validate(const SimScenario& scenario) {
  if (scenario.targets.empty() || scenario.targets.size() > core::kTargetsMax)
    return fail(ErrorKind::kInvalidInput, "targets: {} is outside 1..{}", scenario.targets.size(), core::kTargetsMax);
  const Workload& workload = scenario.workload;
  if (!(workload.rate_per_s > 0) || !(workload.arrivals_s >= 0) || !(workload.patience_ms > 0) ||
      !(workload.input_tokens >= 1) || !(workload.health_delay_ms >= 0) || !is_chance(workload.client_gone))
    return fail(ErrorKind::kInvalidInput, "workload: rates, times and lengths are positive, chances from 0 to 1");
  if (workload.requests_max < 1 || workload.requests_max > kRequestsMax)
    return fail(ErrorKind::kInvalidInput, "requests_max: {} is outside 1..{}", workload.requests_max, kRequestsMax);
  CHECK_OK(check_strategy(scenario));
  CHECK_OK(check_policy(scenario));
  for (const auto& target : scenario.targets) CHECK_OK(validate_target(target));
  return {};
}

Result<SimScenario> parse_scenario(std::string_view text) {
  if (text.size() > kScenarioBytesMax)
    return fail(ErrorKind::kTooLarge, "a scenario is at most {} bytes", kScenarioBytesMax);
  ScenarioReader reader;
  std::size_t number = 0;
  for (auto row : base::split(text, '\n')) {
    ++number;
    row = base::trim(row.substr(0, row.find('#')));
    if (row.empty()) continue;
    Status status;
    if (const auto line = parse_line(row)) {
      status = reader.read(*line);
    } else {
      status = std::unexpected(line.error());
    }
    if (!status) return fail_at(fmt::format("line {}", number), status.error().kind, "{}", status.error().message);
  }
  SimScenario scenario = reader.take();
  CHECK_OK(validate(scenario));
  return scenario;
}

}  // namespace thalamus::sim
