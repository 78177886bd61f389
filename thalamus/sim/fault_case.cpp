#include "thalamus/sim/fault_case.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <utility>

#include "thalamus/base/fields.h"
#include "thalamus/base/text.h"
#include "thalamus/sim/fault_metrics.h"
#include "thalamus/sim/scenario.h"

namespace thalamus::sim {
namespace {

using Number = base::Range<double>;
using Whole = base::Range<std::int64_t>;

constexpr double kDayMs = 86'400'000;
constexpr double kDayS = 86'400;

Nanoseconds from_ms(double ms) { return Nanoseconds::from_seconds(ms * 1e-3); }

struct RequestsLine {
  double rate = 10;
  double seconds = 10;
  std::int64_t sessions = 0;
  std::int64_t prompt_bytes = 0;
  double deadline_ms = 0;
  double gone = 0;
  double patience_ms = 1'000;
  std::string shape = "stream";

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("rate", rate, Number{1e-3, 1e5}, "requests a second");
    visit("seconds", seconds, Number{0, kDayS}, "how long they come");
    visit("sessions", sessions, Whole{0, 1'000'000}, "that they belong to; 0: none");
    visit("prompt_bytes", prompt_bytes, Whole{0, 1'000'000}, "of each prompt, at least");
    visit("deadline_ms", deadline_ms, Number{0, kDayMs}, "of each; 0: none");
    visit("gone", gone, Number{0, 1}, "chance that a client leaves early");
    visit("patience_ms", patience_ms, Number{0.001, kDayMs}, "of such a client, at most");
    visit("shape", shape, base::Choices{{"stream", "buffered"}}, "of the answers");
  }
};

struct TargetLine {
  std::int64_t keys = 1;
  std::int64_t replicas = 1;
  std::int64_t context = 0;
  double connect_ms = 1'000;
  double first_token_ms = 5'000;
  double idle_ms = 2'000;
  double total_ms = 60'000;
  double floor_per_second = 0;
  double window_ms = 5'000;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("keys", keys, Whole{1, 64}, "of the provider");
    visit("replicas", replicas, Whole{1, 64}, "of the provider");
    visit("context", context, Whole{0, 100'000'000}, "tokens; 0: unknown");
    visit("connect_ms", connect_ms, Number{1, kDayMs}, "until a connection stands");
    visit("first_token_ms", first_token_ms, Number{1, kDayMs}, "until the first content");
    visit("idle_ms", idle_ms, Number{1, kDayMs}, "of silence");
    visit("total_ms", total_ms, Number{1, kDayMs}, "of an attempt");
    visit("floor_per_second", floor_per_second, Number{0, 1e6}, "units a second below which a stream is given up");
    visit("window_ms", window_ms, Number{1, kDayMs}, "over which they are counted");
  }
};

struct UpstreamLine {
  double from = 0;
  double to = kDayS;
  std::int64_t key = -1;
  double share = 1;
  double first_ms = 100;
  double total_ms = 500;
  double sigma = 0.2;
  double units = 50;
  double rate = 1;
  std::int64_t status = 500;
  std::string type;
  std::string code;
  std::string retry_after;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("from", from, Number{0, kDayS}, "second from which it behaves so");
    visit("to", to, Number{0, kDayS}, "second until which it does");
    visit("key", key, Whole{-1, 63}, "of the calls; -1: any");
    visit("share", share, Number{0, 1}, "of the calls");
    visit("first_ms", first_ms, Number{0, kDayMs}, "median time to the first content");
    visit("total_ms", total_ms, Number{0, kDayMs}, "median time to the end");
    visit("sigma", sigma, Number{0, 3}, "of the logarithm of both");
    visit("units", units, Number{1, 1e6}, "tokens of an answer");
    visit("rate", rate, Number{1e-6, 1e6}, "units a second of a drip");
    visit("status", status, Whole{100, 999}, "of an answer");
    visit("type", type, base::Choices{}, "of an error");
    visit("code", code, base::Choices{}, "of an error");
    visit("retry_after", retry_after, base::Choices{}, "header's value");
  }
};

const std::vector<std::string>& behaviour_words() {
  static const std::vector<std::string> kWords{"ok",     "drip",     "refuse", "die",   "hang",
                                               "status", "error200", "cut",    "empty", "malformed"};
  return kWords;
}

/// One line, split: words, then name=value.
struct Line {
  std::vector<std::string> words;
  base::OptionMap options;
};

Result<Line> split_line(std::string_view text) {
  Line line;
  for (std::size_t at = 0; (at = text.find_first_not_of(" \t", at)) != std::string_view::npos;) {
    const std::size_t end = std::min(text.find_first_of(" \t", at), text.size());
    const std::string_view word = text.substr(at, end - at);
    at = end;
    const auto equals = word.find('=');
    const bool option =
        equals != std::string_view::npos && equals > 0 && word[0] != '<' && word[0] != '>' && word != "==";
    if (!option) {
      line.words.emplace_back(word);
    } else if (!line.options.emplace(word.substr(0, equals), word.substr(equals + 1)).second) {
      return fail(ErrorKind::kInvalidInput, "'{}' is given twice", word.substr(0, equals));
    }
  }
  return line;
}

class CaseReader {
 public:
  Status read(std::string_view text) {
    if (text.starts_with("case ")) {
      case_.title = std::string(base::trim(text.substr(5)));
      return {};
    }
    TRY(const Line line, split_line(text));
    if (line.words.empty()) return fail(ErrorKind::kInvalidInput, "a line begins with a word");
    static const std::vector<std::string> kHeads{"case",  "requests", "target",   "endpoints",
                                                 "retry", "hedge",    "upstream", "expect"};
    const std::string& head = line.words[0];
    if (head == "requests") return read_requests(line);
    if (head == "target") return read_target(line);
    if (head == "endpoints" || head == "retry" || head == "hedge") return read_options(line);
    if (head == "upstream") return read_upstream(line);
    if (head == "expect") return read_expectation(line, text);
    return fail(ErrorKind::kInvalidInput, "expected {}, got '{}'{}", fmt::join(kHeads, ", "), head,
                base::did_you_mean(head, kHeads));
  }

  Result<FaultCase> take() {
    if (case_.targets.empty()) return fail(ErrorKind::kInvalidInput, "a case needs at least one target");
    if (case_.expectations.empty()) return fail(ErrorKind::kInvalidInput, "a case expects nothing: add `expect` lines");
    if (case_.requests.rate_per_s * case_.requests.seconds > static_cast<double>(kFaultRequestsMax))
      return fail(ErrorKind::kInvalidInput, "requests: more than {}", kFaultRequestsMax);
    return std::move(case_);
  }

 private:
  static Status check_words(const Line& line, std::size_t count, std::string_view usage) {
    if (line.words.size() == count) return {};
    return fail(ErrorKind::kInvalidInput, "expected `{}`", usage);
  }

  Status read_requests(const Line& line) {
    CHECK_OK(check_words(line, 1, "requests rate=10 seconds=60"));
    TRY(const auto parsed, base::parse_options<RequestsLine>(line.options));
    auto& requests = case_.requests;
    requests.rate_per_s = parsed.rate;
    requests.seconds = parsed.seconds;
    requests.sessions = parsed.sessions;
    requests.prompt_bytes = parsed.prompt_bytes;
    if (parsed.deadline_ms > 0) requests.deadline = from_ms(parsed.deadline_ms);
    requests.client_gone = parsed.gone;
    requests.patience_ms = parsed.patience_ms;
    requests.shape = parsed.shape == "stream" ? dispatch::AnswerShape::kStream : dispatch::AnswerShape::kBuffered;
    return {};
  }

  Status read_target(const Line& line) {
    CHECK_OK(check_words(line, 2, "target NAME replicas=2"));
    for (const auto& other : case_.targets)
      if (other.name == line.words[1])
        return fail(ErrorKind::kInvalidInput, "target '{}' is given twice", line.words[1]);
    TRY(const auto parsed, base::parse_options<TargetLine>(line.options));
    FaultTarget target;
    target.name = line.words[1];
    target.keys = static_cast<std::size_t>(parsed.keys);
    target.replicas = static_cast<std::size_t>(parsed.replicas);
    if (target.keys * target.replicas > dispatch::kEndpointsMax)
      return fail(ErrorKind::kInvalidInput, "more than {} endpoints", dispatch::kEndpointsMax);
    target.context = parsed.context;
    target.limits = {.connect = from_ms(parsed.connect_ms),
                     .first_token = from_ms(parsed.first_token_ms),
                     .idle = from_ms(parsed.idle_ms),
                     .total = from_ms(parsed.total_ms)};
    target.slow_stream = {.floor_per_second = parsed.floor_per_second, .window = from_ms(parsed.window_ms)};
    case_.targets.push_back(std::move(target));
    return {};
  }

  Status read_options(const Line& line) {
    CHECK_OK(check_words(line, 2, line.words[0] + " TARGET option=value"));
    TRY(const std::size_t index, find_target(line.words[1]));
    FaultTarget& target = case_.targets[index];
    if (line.words[0] == "endpoints") {
      TRY(target.endpoints, base::parse_options<dispatch::EndpointOptions>(line.options));
    } else if (line.words[0] == "retry") {
      TRY(target.retry, base::parse_options<dispatch::RetryOptions>(line.options));
    } else {
      TRY(target.hedge, base::parse_options<dispatch::HedgeOptions>(line.options));
    }
    return {};
  }

  Status read_upstream(const Line& line) {
    CHECK_OK(check_words(line, 3, "upstream TARGET.REPLICA BEHAVIOUR from=10 to=20"));
    const std::string_view where = line.words[1];
    const auto dot = where.rfind('.');
    const auto replica =
        dot == std::string_view::npos ? std::nullopt : base::parse_number<std::size_t>(where.substr(dot + 1));
    if (!replica) return fail(ErrorKind::kInvalidInput, "expected TARGET.REPLICA such as main.0, got '{}'", where);
    TRY(const std::size_t target, find_target(where.substr(0, dot)));
    if (*replica >= case_.targets[target].replicas)
      return fail(ErrorKind::kInvalidInput, "'{}': target '{}' has {} replicas, counted from 0", where,
                  case_.targets[target].name, case_.targets[target].replicas);
    const auto& words = behaviour_words();
    const auto word = std::find(words.begin(), words.end(), line.words[2]);
    if (word == words.end())
      return fail(ErrorKind::kInvalidInput, "expected {}, got '{}'{}", fmt::join(words, ", "), line.words[2],
                  base::did_you_mean(line.words[2], words));
    TRY(auto parsed, base::parse_options<UpstreamLine>(line.options));
    if (parsed.to <= parsed.from) return fail(ErrorKind::kInvalidInput, "to: must be after from={}", parsed.from);
    BehaviourLine out;
    out.target = target;
    out.replica = *replica;
    out.behaviour = static_cast<Behaviour>(word - words.begin());
    out.from = Nanoseconds::from_seconds(parsed.from);
    out.to = Nanoseconds::from_seconds(parsed.to);
    if (parsed.key >= 0) out.key = static_cast<std::size_t>(parsed.key);
    out.share = parsed.share;
    out.first_ms = parsed.first_ms;
    out.total_ms = parsed.total_ms;
    out.sigma = parsed.sigma;
    out.units = parsed.units;
    out.rate = parsed.rate;
    out.status = static_cast<int>(parsed.status);
    out.type = std::move(parsed.type);
    out.code = std::move(parsed.code);
    out.retry_after = std::move(parsed.retry_after);
    case_.behaviours.push_back(std::move(out));
    return {};
  }

  Status read_expectation(const Line& line, std::string_view text) {
    CHECK_OK(check_words(line, 4, "expect METRIC >= VALUE from=10 to=20"));
    static const std::map<std::string, Comparison, std::less<>> kComparisons{{"<", Comparison::kLess},
                                                                             {"<=", Comparison::kLessEqual},
                                                                             {"==", Comparison::kEqual},
                                                                             {">=", Comparison::kGreaterEqual},
                                                                             {">", Comparison::kGreater}};
    Expectation expectation;
    expectation.text = std::string(text);
    expectation.metric = line.words[1];
    CHECK_OK(check_metric(case_, expectation.metric));
    const auto comparison = kComparisons.find(line.words[2]);
    if (comparison == kComparisons.end())
      return fail(ErrorKind::kInvalidInput, "expected <, <=, ==, >= or >, got '{}'", line.words[2]);
    expectation.comparison = comparison->second;
    const auto value = base::parse_number<double>(line.words[3]);
    if (!value) return fail(ErrorKind::kInvalidInput, "expected a number, got '{}'", line.words[3]);
    expectation.value = *value;
    TRY(const auto window, base::parse_options<WindowLine>(line.options));
    expectation.from = Nanoseconds::from_seconds(window.from);
    expectation.to = Nanoseconds::from_seconds(window.to);
    case_.expectations.push_back(std::move(expectation));
    return {};
  }

  struct WindowLine {
    double from = 0;
    double to = kDayS;

    template <class Visitor>
    void fields(Visitor& visit) {
      visit("from", from, Number{0, kDayS}, "second");
      visit("to", to, Number{0, kDayS}, "second");
    }
  };

  [[nodiscard]] Result<std::size_t> find_target(std::string_view name) const {
    std::vector<std::string> names;
    for (std::size_t t = 0; t < case_.targets.size(); ++t) {
      if (case_.targets[t].name == name) return t;
      names.push_back(case_.targets[t].name);
    }
    return fail(ErrorKind::kInvalidInput, "unknown target '{}'{}", name, base::did_you_mean(name, names));
  }

  FaultCase case_;
};

}  // namespace

Result<FaultCase> parse_fault_case(std::string_view text) {
  if (text.size() > kScenarioBytesMax)
    return fail(ErrorKind::kTooLarge, "a case is at most {} bytes", kScenarioBytesMax);
  CaseReader reader;
  std::size_t number = 0;
  for (auto row : base::split(text, '\n')) {
    if (++number > kFaultLinesMax) return fail(ErrorKind::kTooLarge, "a case has at most {} lines", kFaultLinesMax);
    row = base::trim(row.substr(0, row.find('#')));
    if (row.empty()) continue;
    if (const Status status = reader.read(row); !status)
      return fail_at(fmt::format("line {}", number), status.error().kind, "{}", status.error().message);
  }
  return reader.take();
}

}  // namespace thalamus::sim
