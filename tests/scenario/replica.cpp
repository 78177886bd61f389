#include "replica.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/write.hpp>
#include <charconv>
#include <cmath>
#include <utility>

#include "thalamus/base/text.h"

namespace thalamus::scenario {
namespace {

using sim::Behaviour;
using tcp = asio::ip::tcp;
using ReusePort = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

constexpr std::size_t kRequestBytesMax = 64U << 10;
constexpr Nanoseconds kTick = Nanoseconds::from_ms(10);  // real: pieces that are due within it leave together

std::string frame(std::string_view delta, std::string_view finish) {
  return fmt::format(
      "data: {{\"id\":\"scenario\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"scripted\","
      "\"choices\":[{{\"index\":0,\"delta\":{},\"finish_reason\":{}}}]}}\n\n",
      delta, finish);
}

std::string unit_frame(std::size_t attempt) {
  return frame(fmt::format(R"({{"content":"a{:07} "}})", attempt), "null");
}

std::string chunk(std::string_view bytes) { return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes); }

std::string whole_answer(std::size_t attempt) {
  return fmt::format(
      "{{\"id\":\"scenario\",\"object\":\"chat.completion\",\"created\":1700000000,\"model\":\"scripted\",\"choices\":"
      "[{{\"index\":0,\"message\":{{\"role\":\"assistant\",\"content\":{}}},\"finish_reason\":\"stop\"}}],"
      "\"usage\":{{\"prompt_tokens\":5,\"completion_tokens\":9,\"total_tokens\":14}}}}",
      attempt == SIZE_MAX ? std::string("null") : fmt::format("\"a{:07} \"", attempt));
}

std::string error_object(const sim::BehaviourLine& line) {
  const auto quoted = [](const std::string& word) { return word.empty() ? "null" : "\"" + word + "\""; };
  return fmt::format(R"({{"error":{{"message":"scripted failure","type":{},"code":{}}}}})", quoted(line.type),
                     quoted(line.code));
}

std::string head(int status, std::string_view type, std::optional<std::size_t> length, std::string_view more = {}) {
  const std::string framing = length ? fmt::format("content-length: {}", *length) : "transfer-encoding: chunked";
  return fmt::format("HTTP/1.1 {} Scripted\r\ncontent-type: {}\r\n{}\r\n{}\r\n", status, type, framing, more);
}

/// The number behind the first `mark`, or nothing.
std::optional<std::uint64_t> number_behind(std::string_view text, std::string_view mark) {
  const auto at = text.find(mark);
  if (at == std::string_view::npos) return std::nullopt;
  std::uint64_t number = 0;
  const char* begin = text.data() + at + mark.size();
  const auto [end, error] = std::from_chars(begin, text.data() + text.size(), number);
  return error == std::errc() && end != begin ? std::optional(number) : std::nullopt;
}

}  // namespace

std::size_t unit_bytes() { return unit_frame(0).size(); }

std::string key_text(std::string_view target, std::size_t key) { return fmt::format("sk-{}-key-{}", target, key); }

// ---- one connection -----------------------------------------------------------------------------------------------

class Replica::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Replica& owner, tcp::socket socket) : owner_(owner), socket_(std::move(socket)), timer_(owner.context_) {}

  void read() {
    auto self = shared_from_this();
    socket_.async_read_some(asio::buffer(piece_), [self](const boost::system::error_code& error, std::size_t size) {
      if (self->closed_) return;
      if (error) return self->close(SeenAttempt::End::kGone);
      self->in_.append(self->piece_.data(), size);
      if (!self->answering_) self->take_request();
      if (!self->closed_) self->read();
    });
  }

  /// What is under way ends so; the owner forgets the connection.
  void close(SeenAttempt::End how) {
    if (closed_) return;
    closed_ = true;
    end_attempt(how);
    timer_.cancel();
    boost::system::error_code ignored;
    socket_.close(ignored);
    owner_.connections_.erase(shared_from_this());
  }

  void reset() {
    boost::system::error_code ignored;
    socket_.set_option(asio::socket_base::linger(true, 0), ignored);
    close(SeenAttempt::End::kReset);
  }

  /// No further request is taken.
  void last_one() {
    if (!answering_) return close(SeenAttempt::End::kPlayed);
    close_when_written_ = true;
  }

  [[nodiscard]] bool answering() const noexcept { return answering_; }

 private:
  [[nodiscard]] Timeline& timeline() noexcept { return owner_.timeline_; }
  [[nodiscard]] bool stream() const noexcept { return owner_.case_.requests.shape == dispatch::AnswerShape::kStream; }
  SeenAttempt& attempt() { return owner_.log_.attempts[number_]; }

  void take_request() {
    const auto head_end = in_.find("\r\n\r\n");
    if (head_end == std::string::npos) {
      if (in_.size() > kRequestBytesMax) close(SeenAttempt::End::kGone);
      return;
    }
    const std::string head = base::lower_ascii(std::string_view(in_).substr(0, head_end));
    const std::size_t length = number_behind(head, "content-length: ").value_or(0);
    if (in_.size() < head_end + 4 + length) return;
    const std::string body = in_.substr(head_end + 4, length);
    in_.erase(0, head_end + 4 + length);
    begin_attempt(number_behind(head, "-key-").value_or(0), number_behind(body, "request ").value_or(UINT64_MAX));
  }

  void begin_attempt(std::size_t key, std::uint64_t request) {
    SeenAttempt seen;
    seen.request = request;
    seen.place = {owner_.place_.target, owner_.place_.replica, key};
    seen.started = timeline().now();
    number_ = owner_.log_.attempts.size();
    owner_.log_.attempts.push_back(seen);
    answering_ = true;
    head_sent_ = false;
    units_sent_ = 0;
    const double first = owner_.rng_.normal();
    const double rest = owner_.rng_.normal();
    line_ = sim::behaviour_at(owner_.case_, seen.place, seen.started, owner_.rng_.uniform());
    const sim::AnswerSpans spans = sim::answer_spans(line_, first, rest);
    first_ = seen.started + spans.first;
    end_ = first_ + spans.rest;
    unit_s_ = spans.rest.seconds() / line_.units;
    if (line_.behaviour == Behaviour::kCut) end_ = first_ + Nanoseconds{spans.rest.value / 2};
    if (line_.behaviour == Behaviour::kDrip) unit_s_ = 1 / line_.rate;
    play();
  }

  void play() {
    switch (line_.behaviour) {
      case Behaviour::kRefuse:
      case Behaviour::kDie: return reset();  // of a share of the calls, or of a key; otherwise the door is closed
      case Behaviour::kHang: return;
      case Behaviour::kStatus: return refuse(line_.status);
      case Behaviour::kDrip:
        if (!stream()) return;  // a whole answer that never is whole
        break;
      default: break;
    }
    // A buffered answer comes as a whole, what is wrong with it at the time of its first content.
    const bool whole = !stream() && (line_.behaviour == Behaviour::kOk || line_.behaviour == Behaviour::kCut);
    arm(whole ? end_ : first_);
  }

  void refuse(int status) {
    const std::string body = error_object(line_);
    std::string more;
    if (!line_.retry_after.empty()) {
      more = fmt::format("retry-after: {}\r\n", line_.retry_after);
      // The case's seconds pass faster; the finer header counts, as it does with the official clients.
      if (const auto seconds = base::parse_number<double>(line_.retry_after))
        more += fmt::format("retry-after-ms: {}\r\n", std::llround(*seconds * 1e3 / timeline().speed()));
    }
    send(head(status, "application/json", body.size(), more) + body);
    finish();
  }

  void arm(Nanoseconds at) {
    auto self = shared_from_this();
    timer_.expires_after(timeline().until(at));
    timer_.async_wait([self, at](const boost::system::error_code& error) {
      if (error || self->closed_ || !self->answering_) return;
      self->timeline().happened(at);
      if (self->stream()) {
        self->stream_on();
      } else {
        self->send_whole();
      }
    });
  }

  void send_whole() {
    std::string body = whole_answer(number_);
    if (line_.behaviour == Behaviour::kError200) body = error_object(line_);
    if (line_.behaviour == Behaviour::kEmpty) body = whole_answer(SIZE_MAX);
    if (line_.behaviour == Behaviour::kMalformed) body = "this is no answer";
    const std::string begun = head(200, "application/json", body.size());
    if (line_.behaviour == Behaviour::kCut) {
      close_when_written_ = true;
      body.resize(body.size() / 2);
    }
    send(begun + body);
    finish();
  }

  void stream_on() {
    std::string out;
    if (!std::exchange(head_sent_, true)) {
      send(head(200, "text/event-stream", std::nullopt));
      out = frame(R"({"role":"assistant","content":""})", "null");
      if (line_.behaviour == Behaviour::kError200) return last_words("data: " + error_object(line_) + "\n\n");
      if (line_.behaviour == Behaviour::kMalformed) return last_words("data: this is no frame\n\n");
      if (line_.behaviour == Behaviour::kEmpty) return last_words(out + frame("{}", "\"stop\"") + "data: [DONE]\n\n");
    }
    const Nanoseconds now = timeline().now();
    const bool endless = line_.behaviour == Behaviour::kDrip;
    const bool over = !endless && now >= end_;
    auto due = static_cast<std::uint64_t>(std::floor(std::max(0.0, (now - first_).seconds()) / unit_s_)) + 1;
    if (!endless) due = std::min(due, static_cast<std::uint64_t>(line_.units) + 1);
    if (over && line_.behaviour == Behaviour::kOk) due = static_cast<std::uint64_t>(line_.units) + 1;
    for (; units_sent_ < due; ++units_sent_) out += unit_frame(number_);
    if (over && line_.behaviour == Behaviour::kCut) {
      close_when_written_ = true;
      send(chunk(out));
      return finish();
    }
    if (over) return last_words(out + frame("{}", "\"stop\"") + "data: [DONE]\n\n");
    if (!out.empty()) send(chunk(out));
    const Nanoseconds next = first_ + Nanoseconds::from_seconds(unit_s_ * static_cast<double>(units_sent_));
    const Nanoseconds soon = std::max(next, now + timeline().case_span(kTick));
    arm(endless ? soon : std::min(end_, soon));
  }

  void last_words(const std::string& frames) {
    send(chunk(frames) + "0\r\n\r\n");
    finish();
  }

  void finish() {
    end_attempt(SeenAttempt::End::kPlayed);
    answering_ = false;
    if (!writing_ && close_when_written_) close(SeenAttempt::End::kPlayed);
  }

  void end_attempt(SeenAttempt::End how) {
    if (!answering_ || attempt().end != SeenAttempt::End::kRunning) return;
    attempt().end = how;
    attempt().ended = timeline().now();
  }

  void send(std::string bytes) {
    waiting_ += bytes;
    if (writing_ || waiting_.empty()) return;
    writing_ = true;
    out_ = std::exchange(waiting_, {});
    auto self = shared_from_this();
    asio::async_write(socket_, asio::buffer(out_), [self](const boost::system::error_code& error, std::size_t) {
      self->writing_ = false;
      if (self->closed_) return;
      if (error) return self->close(SeenAttempt::End::kGone);
      if (!self->waiting_.empty()) return self->send({});
      if (self->close_when_written_ && !self->answering_) self->close(SeenAttempt::End::kPlayed);
    });
  }

  Replica& owner_;
  tcp::socket socket_;
  asio::steady_timer timer_;
  std::array<char, 4096> piece_{};
  std::string in_;
  std::string out_;      // being written
  std::string waiting_;  // for its turn
  bool writing_ = false;
  bool closed_ = false;
  bool answering_ = false;
  bool close_when_written_ = false;
  std::size_t number_ = 0;  // of the attempt
  sim::BehaviourLine line_;
  Nanoseconds first_{};
  Nanoseconds end_{};
  double unit_s_ = 0;
  bool head_sent_ = false;
  std::uint64_t units_sent_ = 0;
};

// ---- the replica --------------------------------------------------------------------------------------------------

Replica::Replica(asio::io_context& context, const sim::FaultCase& fault_case, sim::AttemptPlace place,
                 Timeline& timeline, UpstreamLog& log, std::uint64_t seed)
    : context_(context),
      case_(fault_case),
      place_(place),
      timeline_(timeline),
      log_(log),
      rng_(base::Rng(seed).fork(fmt::format("replica {}.{}", place.target, place.replica))),
      guard_(context),
      acceptor_(context),
      timer_(context) {
  for (const auto& line : case_.behaviours) {
    if (line.target != place.target || line.replica != place.replica) continue;
    changes_.push_back(line.from);
    changes_.push_back(line.to);
  }
  std::sort(changes_.begin(), changes_.end());
  changes_.erase(std::unique(changes_.begin(), changes_.end()), changes_.end());
}

Replica::~Replica() = default;

Status Replica::open() {
  boost::system::error_code error;
  guard_.open(tcp::v4(), error);
  if (!error) guard_.set_option(ReusePort(true), error);
  if (!error) guard_.bind({asio::ip::address_v4::loopback(), 0}, error);
  if (error) return fail(ErrorKind::kEnvironment, "no port: {}", error.message());
  port_ = guard_.local_endpoint(error).port();
  return listen();
}

Status Replica::listen() {
  boost::system::error_code error;
  acceptor_.open(tcp::v4(), error);
  if (!error) acceptor_.set_option(ReusePort(true), error);
  if (!error) acceptor_.bind({asio::ip::address_v4::loopback(), port_}, error);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (error) return fail(ErrorKind::kEnvironment, "cannot listen at port {}: {}", port_, error.message());
  accept();
  return {};
}

void Replica::accept() {
  acceptor_.async_accept([this](const boost::system::error_code& error, tcp::socket socket) {
    if (error) return;
    boost::system::error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    auto connection = std::make_shared<Connection>(*this, std::move(socket));
    connections_.insert(connection);
    connection->read();
    accept();
  });
}

// Only a line for all calls closes the door; one for a share or a key resets those that it meets.
Replica::Door Replica::door_at(Nanoseconds at) const {
  Door door = Door::kOpen;
  for (const auto& line : case_.behaviours) {
    if (line.target != place_.target || line.replica != place_.replica || line.key || line.share < 1) continue;
    if (at < line.from || at >= line.to) continue;
    door = Door::kOpen;
    if (line.behaviour == Behaviour::kRefuse) door = Door::kRefuse;
    if (line.behaviour == Behaviour::kDie) door = Door::kDie;
  }
  return door;
}

void Replica::start() {
  changed_ = 0;
  next_change();
}

void Replica::next_change() {
  if (changed_ == changes_.size()) return;
  const Nanoseconds at = changes_[changed_++];
  timer_.expires_after(timeline_.until(at));
  timer_.async_wait([this, at](const boost::system::error_code& error) {
    if (error) return;
    timeline_.happened(at);
    set_door(door_at(at));
    next_change();
  });
}

void Replica::set_door(Door door) {
  const Door before = std::exchange(door_, door);
  if (door == before) return;
  if (before == Door::kOpen) {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    outage_ = log_.outages.size();
    log_.outages.push_back({place_.target, place_.replica, timeline_.now(), Nanoseconds{INT64_MAX}, 0});
  }
  if (door == Door::kOpen) {
    log_.outages[*outage_].to = timeline_.now();
    const Status listening = listen();
    if (!listening) fmt::print(stderr, "{}\n", listening.error().text());
    return;
  }
  const auto connections = connections_;  // closing takes them out
  for (const auto& connection : connections) {
    if (door == Door::kDie && connection->answering()) ++log_.outages[*outage_].reset;
    if (door == Door::kDie) {
      connection->reset();
    } else {
      connection->last_one();
    }
  }
}

void Replica::stop() {
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  guard_.close(ignored);
  timer_.cancel();
  const auto connections = connections_;
  for (const auto& connection : connections) connection->close(SeenAttempt::End::kGone);
}

}  // namespace thalamus::scenario
