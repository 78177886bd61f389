#include "thalamus/gateway/probe.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "thalamus/base/clock.h"
#include "thalamus/base/hash.h"
#include "thalamus/check/normalise.h"
#include "thalamus/core/outcome.h"
#include "thalamus/gateway/probe_journal.h"
#include "thalamus/net/asio.h"
#include "thalamus/net/connector.h"
#include "thalamus/net/http_client.h"
#include "thalamus/wire/format.h"

namespace thalamus::gateway {
namespace {

namespace asio = boost::asio;

constexpr int kTriesMax = 4;
constexpr std::size_t kBodyMax = 16U << 20;

/// One answer to one task.
struct Reply {
  bool declined = false;
  std::string text;
  core::Usage usage;
  double seconds = 0;
};

std::string fingerprint(const std::vector<check::Task>& tasks) {
  std::uint64_t hash = 0;
  for (const auto& task : tasks) hash = base::hash64(task.id + "\n" + task.prompt, hash);
  return fmt::format("{:016x}", hash);
}

core::Request make_request(const check::Task& task) {
  core::Request request;
  core::Message message;
  message.parts.push_back({core::PartKind::kText, task.prompt});
  request.messages.push_back(std::move(message));
  request.max_output_tokens = task.max_output_tokens;
  request.temperature = 0.0;
  if (!task.schema.empty()) {
    request.response_format = core::ResponseFormat::kJsonSchema;
    request.response_schema = task.schema;
  }
  return request;
}

class Prober {
 public:
  Prober(const std::vector<check::Task>& tasks, const ProbeOptions& options, ProbeJournal& journal,
         net::Endpoint endpoint)
      : tasks_(tasks),
        options_(options),
        journal_(journal),
        endpoint_(std::move(endpoint)),
        connector_(context_),
        client_(connector_, clock_),
        format_(*wire::find_format("openai")) {
    for (const auto& target : options.targets) report_.targets.push_back({.name = target.name, .last_error = {}});
  }

  Result<ProbeReport> run() {
    begun_ = clock_.now();
    resume();
    const std::size_t workers = std::min<std::size_t>(std::max(1U, options_.concurrency), 256);
    workers_ = workers;
    for (std::size_t i = 0; i < workers; ++i) asio::co_spawn(context_, work(), asio::detached);
    context_.run();
    if (options_.progress_line) print_progress(true);
    if (failure_) return std::unexpected(*failure_);
    report_.complete = done_ == total();
    if (!report_.complete && report_.stopped_because.empty())
      report_.stopped_because = "some answers failed; run again to ask them again";
    return report_;
  }

 private:
  [[nodiscard]] std::size_t total() const { return tasks_.size() * options_.targets.size(); }

  void resume() {
    for (const auto& task : tasks_) {
      for (std::size_t t = 0; t < options_.targets.size(); ++t) {
        const JournalCell* cell = journal_.find({task.id, options_.targets[t].name});
        if (cell == nullptr) continue;
        ++report_.resumed_cells;
        count(t, *cell);
      }
    }
  }

  void count(std::size_t target, const JournalCell& cell) {
    ProbeTargetResult& result = report_.targets[target];
    ++done_;
    if (cell.declined) {
      ++result.declined;
      return;
    }
    ++result.answered;
    result.quality_sum += cell.cell.quality;
    result.seconds_sum += cell.cell.seconds;
    if (cell.cell.cost_usd == cell.cell.cost_usd) result.cost_usd += cell.cell.cost_usd;
  }

  [[nodiscard]] bool must_stop() {
    if (failure_) return true;
    if (options_.interrupted != nullptr && *options_.interrupted) report_.stopped_because = "interrupted";
    double spent = 0;
    for (const auto& target : report_.targets) spent += target.cost_usd;
    if (options_.cost_max_usd > 0 && spent >= options_.cost_max_usd)
      report_.stopped_because = fmt::format("the cost cap of {} USD is reached", options_.cost_max_usd);
    return !report_.stopped_because.empty();
  }

  asio::awaitable<void> work() {
    while (next_ < total() && !must_stop()) {
      const ProbeCell cell = probe_cell(next_++, tasks_.size(), options_.targets.size());
      const check::Task& task = tasks_[cell.task];
      const std::size_t target = cell.target;
      if (journal_.find({task.id, options_.targets[target].name}) != nullptr) continue;
      co_await keep_rate();
      co_await ask_and_record(task, target);
      if (options_.progress_line) print_progress(false);
    }
    // Idle connections would keep the loop waiting for their timers.
    if (--workers_ == 0) client_.clear();
  }

  asio::awaitable<void> keep_rate() {
    if (options_.rate_max_per_second <= 0) co_return;
    const Nanoseconds now = clock_.now();
    const Nanoseconds at = std::max(now, next_request_);
    next_request_ = at + Nanoseconds::from_seconds(1.0 / options_.rate_max_per_second);
    co_await pause(at - now);
  }

  asio::awaitable<void> pause(Nanoseconds span) {
    if (span.value <= 0) co_return;
    asio::steady_timer timer(context_);
    timer.expires_after(std::chrono::nanoseconds(span.value));
    auto [error] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    static_cast<void>(error);
  }

  asio::awaitable<void> ask_and_record(const check::Task& task, std::size_t target) {
    core::Request request = make_request(task);
    auto reply = co_await ask(request, options_.targets[target].name);
    if (!reply) {
      ++report_.targets[target].failed;
      report_.targets[target].last_error = reply.error().text();
      co_return;
    }
    JournalCell cell;
    cell.declined = reply->declined;
    if (!reply->declined) {
      auto graded = co_await grade(task, reply->text);
      if (!graded) {
        ++report_.targets[target].failed;
        report_.targets[target].last_error = graded.error().text();
        co_return;
      }
      fill(cell.cell, *reply, *graded, options_.targets[target]);
    }
    Status added = journal_.add({task.id, options_.targets[target].name}, cell);
    if (!added) {
      failure_ = added.error();
      co_return;
    }
    count(target, cell);
  }

  static void fill(trace::Cell& cell, const Reply& reply, const check::Grade& grade, const ProbeTarget& target) {
    cell.quality = grade.quality;
    cell.seconds = reply.seconds;
    cell.answer_hash = check::answer_hash(grade.normalised);
    if (!reply.usage.known) return;
    cell.input_tokens = reply.usage.input;
    cell.output_tokens = reply.usage.output;
    if (target.priced) cell.cost_usd = core::cost_of(reply.usage, target.prices).usd();
  }

  /// Asks, and asks again after a wait where the server says it is busy.
  asio::awaitable<Result<Reply>> ask(const core::Request& request, const std::string& model) {
    const std::string body = format_.encode_request(request, model);
    Error last{ErrorKind::kInternal, "not asked", {}};
    for (int attempt = 0; attempt < kTriesMax; ++attempt) {
      auto reply = co_await ask_once(body);
      if (reply) co_return reply;
      last = reply.error();
      const bool busy = last.kind == ErrorKind::kLimitExceeded || last.kind == ErrorKind::kUnavailable;
      if (!busy || (options_.interrupted != nullptr && *options_.interrupted)) break;
      co_await pause(Nanoseconds::from_ms(500 << attempt));
    }
    co_return std::unexpected(last);
  }

  asio::awaitable<Result<Reply>> ask_once(const std::string& body) {
    net::HttpCall call;
    call.path = "/chat/completions";
    call.headers.add("content-type", "application/json");
    if (!options_.key.empty()) call.headers.add("authorization", "Bearer " + options_.key);
    call.body = body;
    net::CallLimits limits;
    const Nanoseconds started = clock_.now();
    limits.first_byte_timeout = Nanoseconds::from_seconds(options_.timeout_seconds);
    limits.deadline = started + limits.first_byte_timeout;
    auto exchange = co_await client_.send(endpoint_, call, limits, nullptr);
    if (!exchange) co_return std::unexpected(exchange.error());
    auto bytes = co_await (*exchange)->read_all(kBodyMax);
    if (!bytes) co_return std::unexpected(bytes.error());
    Reply reply;
    reply.seconds = (clock_.now() - started).seconds();
    const int status = (*exchange)->status();
    if (status != 200) {
      reply.declined = status == base::http_status(ErrorKind::kInfeasible);
      if (reply.declined) co_return reply;
      const ErrorKind kind = status == 429   ? ErrorKind::kLimitExceeded
                             : status == 503 ? ErrorKind::kUnavailable
                                             : ErrorKind::kUpstream;
      co_return fail(kind, "the server answered {}: {}", status, format_.read_error(*bytes));
    }
    auto read = format_.read_answer(*bytes);
    if (!read) co_return std::unexpected(read.error());
    reply.text = std::move(read->answer.text.empty() ? read->answer.refusal : read->answer.text);
    reply.usage = read->answer.usage;
    co_return reply;
  }

  asio::awaitable<Result<check::Grade>> grade(const check::Task& task, const std::string& answer) {
    if (task.judge.empty()) co_return check::grade(answer, task.expected);
    core::Request request;
    core::Message message;
    message.parts.push_back({core::PartKind::kText, judge_prompt(task, answer)});
    request.messages.push_back(std::move(message));
    request.max_output_tokens = 16;
    request.temperature = 0.0;
    auto verdict = co_await ask(request, task.judge);
    if (!verdict) co_return std::unexpected(verdict.error());
    check::Grade out;
    out.normalised = check::normalise(answer);
    const auto digit = verdict->text.find_first_of("0123456789");
    if (digit == std::string::npos)
      co_return fail(ErrorKind::kUpstream, "judge '{}' gave no mark from 0 to 10: '{}'", task.judge,
                     verdict->text.substr(0, 80));
    out.quality = std::clamp(std::strtod(verdict->text.c_str() + digit, nullptr) / 10.0, 0.0, 1.0);
    out.reason = fmt::format("judged by {}", task.judge);
    co_return out;
  }

  static std::string judge_prompt(const check::Task& task, const std::string& answer) {
    std::string text =
        "Mark an answer to a task from 0 (useless or wrong) to 10 (fully right). Reply with the number "
        "only.\n\nTask:\n" +
        task.prompt;
    if (!task.expected.value.empty()) text += "\n\nA right answer:\n" + task.expected.value;
    return text + "\n\nAnswer to mark:\n" + answer + "\n\nMark (0-10):";
  }

  void print_progress(bool last) {
    const bool terminal = ::isatty(STDERR_FILENO) == 1;
    const Nanoseconds now = clock_.now();
    const Nanoseconds every = Nanoseconds::from_ms(terminal ? 200 : 10'000);
    if (!last && now - printed_ < every) return;
    printed_ = now;
    const double elapsed = (now - begun_).seconds();
    const auto fresh = static_cast<double>(done_ - report_.resumed_cells);
    const double rate = elapsed > 0 ? fresh / elapsed : 0;
    const double left = rate > 0 ? static_cast<double>(total() - done_) / rate : 0;
    std::string line = fmt::format("{}/{} answers, {:.2f}/s, {:.0f} s left", done_, total(), rate, left);
    for (const auto& target : report_.targets) {
      if (target.answered == 0) continue;
      line += fmt::format("  {} {:.3f}", target.name, target.quality_sum / static_cast<double>(target.answered));
      if (target.failed > 0) line += fmt::format(" ({} failed)", target.failed);
    }
    options_.progress_line(terminal ? "\r\x1b[K" + line + (last ? "\n" : "") : line + "\n");
  }

  const std::vector<check::Task>& tasks_;
  const ProbeOptions& options_;
  ProbeJournal& journal_;
  net::Endpoint endpoint_;
  base::SystemClock clock_;
  asio::io_context context_{1};
  net::TcpConnector connector_;
  net::HttpClient client_;
  const wire::Format& format_;
  ProbeReport report_;
  std::optional<Error> failure_;
  std::size_t workers_ = 0;
  std::size_t next_ = 0;
  std::size_t done_ = 0;
  Nanoseconds begun_{};
  Nanoseconds printed_{};
  Nanoseconds next_request_{};
};

trace::OutcomeTable make_table(const std::vector<check::Task>& tasks, const ProbeOptions& options,
                               const ProbeJournal& journal) {
  trace::OutcomeTable table;
  for (const auto& target : options.targets) table.models.push_back(target.name);
  for (const auto& task : tasks) {
    trace::Row row;
    row.id = task.id;
    row.task = task.difficulty.empty() ? task.family : task.family + "/" + task.difficulty;
    row.prompt = task.prompt;
    bool any = false;
    for (const auto& target : options.targets) {
      const JournalCell* cell = journal.find({task.id, target.name});
      row.cells.push_back(cell == nullptr || cell->declined ? trace::Cell{} : cell->cell);
      any = any || row.cells.back().recorded();
    }
    if (any) table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace

ProbeCell probe_cell(std::size_t index, std::size_t tasks, std::size_t targets) noexcept {
  const std::size_t block = index / (kProbeBlockTasks * targets);
  const std::size_t first = block * kProbeBlockTasks;
  const std::size_t length = std::min(kProbeBlockTasks, tasks - first);
  const std::size_t within = index - first * targets;
  return {.task = first + within % length, .target = within / length};
}

Result<ProbeReport> probe(const std::vector<check::Task>& tasks, const ProbeOptions& options) {
  if (tasks.empty()) return fail(ErrorKind::kInvalidInput, "there are no tasks to ask");
  if (options.targets.empty()) return fail(ErrorKind::kInvalidInput, "there are no targets to ask");
  TRY(auto endpoint, net::parse_base_url(options.base_url));
  std::filesystem::path journal_path = options.out;
  journal_path += ".journal";
  TRY(auto journal, ProbeJournal::open(journal_path, fingerprint(tasks)));
  Prober prober(tasks, options, journal, std::move(endpoint));
  TRY(auto report, prober.run());
  const trace::OutcomeTable table = make_table(tasks, options, journal);
  if (!table.rows.empty()) CHECK_OK(trace::write_outcome_table(table, options.out));
  if (report.complete) {
    std::error_code ignored;
    std::filesystem::remove(journal_path, ignored);
  }
  return report;
}

}  // namespace thalamus::gateway
