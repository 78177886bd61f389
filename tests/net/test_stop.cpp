/// A stop seen by clients over real sockets: whoever was connected before it is answered or closed in order, and nobody
/// makes it long.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/write.hpp>
#include <string>
#include <vector>

#include "http2_frames.h"
#include "tcp_rig.h"
#include "thalamus/net/stream_tcp.h"

namespace thalamus::net {
namespace {

constexpr std::string_view kGet = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";

/// What came until the connection ended; `in_order` says that it ended without a reset.
struct Heard {
  std::string text;
  bool in_order = false;
};

Awaitable<Heard> hear(Stream& stream) {
  Heard heard;
  std::array<char, 4096> piece{};
  for (;;) {
    const auto got = co_await stream.read_some(asio::buffer(piece), kNever);
    if (got && *got > 0) {
      heard.text.append(piece.data(), *got);
      continue;
    }
    heard.in_order = got.has_value();
    co_return heard;
  }
}

std::size_t count_of(std::string_view text, std::string_view word) {
  std::size_t count = 0;
  for (auto at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) ++count;
  return count;
}

void expect_last_answer(const Heard& heard, std::size_t answers = 1) {
  EXPECT_EQ(status_of(heard.text), 200) << heard.text;
  EXPECT_EQ(count_of(heard.text, "HTTP/1.1 200"), answers) << heard.text;
  EXPECT_EQ(count_of(heard.text, "Connection: close"), 1U) << heard.text;
  EXPECT_TRUE(heard.in_order);
}

/// Connected as far as the kernel is concerned; whether the server has taken it is another matter.
std::unique_ptr<Stream> connect_now(TcpRig& rig) {
  tcp::socket socket(rig.context);
  socket.connect(tcp::endpoint(asio::ip::address_v4::loopback(), rig.listener.port()));
  return make_tcp_stream(std::move(socket));
}

std::vector<std::unique_ptr<Stream>> connect_now(TcpRig& rig, std::size_t count) {
  std::vector<std::unique_ptr<Stream>> streams(count);
  for (auto& stream : streams) stream = connect_now(rig);
  return streams;
}

Awaitable<Heard> speak_and_hear(Stream& stream, std::string_view text) {
  static_cast<void>(co_await write_text(stream, text));
  co_return co_await hear(stream);
}

Awaitable<void> until_inside(TcpRig& rig, std::size_t count) {
  while (rig.gate.inside() < count) co_await pause_ms(1);
}

void expect_empty(TcpRig& rig) {
  EXPECT_TRUE(run_dry(rig.context));
  EXPECT_EQ(rig.gate.inside(), 0U);
}

TEST(Stop, AnswersWhoeverLiesInTheAcceptQueue) {
  TcpRig rig;
  const auto waiting = connect_now(rig, 20);
  // Half of them have asked already.
  for (std::size_t i = 0; i < waiting.size(); i += 2) run(rig.context, write_text(*waiting[i], kGet)).value();
  rig.serve();
  asio::post(rig.context, [&] { rig.gate.close(); });
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    const std::string_view text = i % 2 == 0 ? "" : kGet;
    expect_last_answer(run(rig.context, speak_and_hear(*waiting[i], text)));
  }
  EXPECT_FALSE(rig.acceptor.is_open());
  expect_empty(rig);
}

TEST(Stop, AnswersAConnectionThatHasNotSpokenYet) {
  TcpRig rig;
  rig.serve();
  const auto silent = connect_now(rig);
  run(rig.context, until_inside(rig, 1));
  rig.gate.close();
  run(rig.context, pause_ms(20));
  expect_last_answer(run(rig.context, speak_and_hear(*silent, kGet)));
  expect_empty(rig);
}

/// The second request reaches the server's socket so many turns of the loop before the stop.
Awaitable<Heard> stop_behind_a_request(TcpRig& rig, Stream& stream, int turns) {
  static_cast<void>(co_await write_text(stream, kGet));
  static_cast<void>(co_await read_until(stream, "GET /a? "));
  // The server awaits the next one.
  for (int turn = 0; turn < 8; ++turn) co_await asio::post(rig.context, asio::use_awaitable);
  static_cast<void>(co_await write_text(stream, kGet));
  for (int turn = 0; turn < turns; ++turn) co_await asio::post(rig.context, asio::use_awaitable);
  rig.gate.close();
  co_return co_await hear(stream);
}

TEST(Stop, AnswersARequestThatWasSentOnAnIdleConnection) {
  // Unread in the socket; read, and the connection not yet told; served before the stop.
  for (const int turns : {0, 1, 2, 3}) {
    TcpRig rig;
    rig.serve();
    const auto stream = connect_now(rig);
    const Heard heard = run(rig.context, stop_behind_a_request(rig, *stream, turns));
    EXPECT_EQ(count_of(heard.text, "HTTP/1.1 200"), 1U) << turns << heard.text;
    EXPECT_EQ(count_of(heard.text, "Connection: close"), turns < 2 ? 1U : 0U) << turns << heard.text;
    EXPECT_TRUE(heard.in_order) << turns;
    expect_empty(rig);
  }
}

Awaitable<void> begin_and_wait(asio::steady_timer* timer, HttpRequest& request, Responder& responder) {
  Headers headers;
  static_cast<void>(co_await responder.start(200, headers, "begun"));
  boost::system::error_code error;
  if (request.path == "/a") co_await timer->async_wait(asio::redirect_error(asio::use_awaitable, error));
  static_cast<void>(co_await responder.finish());
}

Awaitable<Heard> stop_between_two(TcpRig& rig, Stream& stream, asio::steady_timer& timer) {
  static_cast<void>(co_await write_text(stream, kGet));
  static_cast<void>(co_await read_until(stream, "begun"));
  rig.gate.close();
  static_cast<void>(co_await write_text(stream, "GET /b HTTP/1.1\r\nHost: h\r\n\r\n"));
  co_await pause_ms(2);
  timer.cancel();
  // The end of the first one.
  EXPECT_EQ(co_await read_until(stream, "0\r\n\r\n"), "\r\n0\r\n\r\n");
  co_return co_await hear(stream);
}

TEST(Stop, AnswersTheRequestBehindAnAnswerThatPromisedToTakeIt) {
  TcpRig rig;
  asio::steady_timer timer(rig.context, std::chrono::seconds(5));
  rig.handler = [&timer](HttpRequest& request, Responder& responder) {
    return begin_and_wait(&timer, request, responder);
  };
  rig.serve();
  const auto stream = connect_now(rig);
  expect_last_answer(run(rig.context, stop_between_two(rig, *stream, timer)));
  expect_empty(rig);
}

Awaitable<Heard> say_and_rest(Stream& stream, std::string_view said, std::string_view answer_end) {
  static_cast<void>(co_await write_text(stream, said));
  if (!answer_end.empty()) static_cast<void>(co_await read_until(stream, answer_end));
  co_return Heard{};
}

TEST(Stop, EndsInOrderWhatDoesNotBecomeARequestWithinThePatience) {
  for (const std::string_view said : {"", "GET /a HTTP/1.1\r\nHo", "PRI * HTTP/2.0\r\n"}) {
    TcpRig rig;
    rig.limits.stop_patience = Nanoseconds::from_ms(30);
    rig.serve();
    const auto stream = connect_now(rig);
    run(rig.context, until_inside(rig, 1));
    static_cast<void>(run(rig.context, say_and_rest(*stream, said, "")));
    const Nanoseconds begun = rig.clock.now();
    rig.gate.close();
    const Heard heard = run(rig.context, hear(*stream));
    EXPECT_EQ(heard.text, "") << said;
    EXPECT_TRUE(heard.in_order) << said;
    EXPECT_GE(rig.clock.now() - begun, Nanoseconds::from_ms(25)) << said;
    expect_empty(rig);
  }
}

TEST(Stop, EndsAConnectionThatIdlesBetweenRequestsAtOnce) {
  TcpRig rig;
  rig.limits.stop_patience = Nanoseconds::from_ms(60'000);
  rig.serve();
  const auto stream = connect_now(rig);
  static_cast<void>(run(rig.context, say_and_rest(*stream, kGet, "GET /a? ")));
  rig.gate.close();
  const Heard heard = run(rig.context, hear(*stream));
  EXPECT_EQ(heard.text, "");
  EXPECT_TRUE(heard.in_order);
  expect_empty(rig);
}

TEST(Stop, TellsOneConnectionTooManyEvenThen) {
  TcpRig rig;
  rig.limits.connections_max = 1;
  const auto waiting = connect_now(rig, 2);
  for (const auto& stream : waiting) run(rig.context, write_text(*stream, kGet)).value();
  rig.serve();
  asio::post(rig.context, [&] { rig.gate.close(); });
  std::vector<int> statuses;
  statuses.reserve(waiting.size());
  for (const auto& stream : waiting) {
    const Heard heard = run(rig.context, hear(*stream));
    EXPECT_TRUE(heard.in_order);
    statuses.push_back(status_of(heard.text));
    stream->close();
  }
  std::ranges::sort(statuses);
  EXPECT_EQ(statuses, (std::vector<int>{200, 503}));
  expect_empty(rig);
}

TEST(Stop, AnswersWhoeverLiesInTheAcceptQueueOfAUnixSocket) {
  TcpRig rig;
  using Local = asio::local::stream_protocol;
  const std::string path = fmt::format("{}/thalamus_stop_{}", testing::TempDir(), ::getpid());
  ::unlink(path.c_str());
  Local::acceptor acceptor(rig.context, Local::endpoint(path));
  std::vector<std::unique_ptr<Stream>> waiting;
  for (int i = 0; i < 5; ++i) {
    Local::socket socket(rig.context);
    socket.connect(Local::endpoint(path));
    waiting.push_back(make_unix_stream(std::move(socket), path));
  }
  asio::co_spawn(rig.context, accept_loop(acceptor, rig.limits, rig.handler, rig.error_body, rig.clock, rig.gate),
                 asio::detached);
  asio::post(rig.context, [&] { rig.gate.close(); });
  for (const auto& stream : waiting) expect_last_answer(run(rig.context, speak_and_hear(*stream, kGet)));
  EXPECT_FALSE(acceptor.is_open());
  ::unlink(path.c_str());
  expect_empty(rig);
}

// ---- HTTP/2
// ----------------------------------------------------------------------------------------------------------

/// After the stop and one request more: what came, if the ping that asks for it is answered behind that request.
Awaitable<Heard> stop_http2(TcpRig& rig, Stream& stream, bool rested) {
  if (rested) {
    static_cast<void>(co_await write_text(stream, preface() + get(1, "/first")));
    static_cast<void>(co_await read_until(stream, "GET /first? "));
  } else {
    static_cast<void>(co_await write_text(stream, preface()));
    static_cast<void>(co_await read_until(stream, frame(kSettings, kAck, 0)));
  }
  static_cast<void>(co_await write_text(stream, get(3, "/last")));
  rig.gate.close();
  static_cast<void>(co_await write_text(stream, frame(kPing, kAck, 0, "draining")));
  co_return co_await hear(stream);
}

TEST(Stop, AnswersAnHttp2RequestOnItsWay) {
  for (const bool rested : {false, true}) {
    TcpRig rig;
    rig.serve();
    const auto stream = connect_now(rig);
    const Heard heard = run(rig.context, stop_http2(rig, *stream, rested));
    EXPECT_NE(heard.text.find("GET /last? "), std::string::npos) << rested;
    EXPECT_TRUE(heard.in_order) << rested;
    stream->close();
    expect_empty(rig);
  }
}

Awaitable<Heard> stop_within_a_preface(TcpRig& rig, Stream& stream) {
  static_cast<void>(co_await write_text(stream, preface().substr(0, 10)));
  for (int turn = 0; turn < 8; ++turn) co_await asio::post(rig.context, asio::use_awaitable);
  rig.gate.close();
  static_cast<void>(co_await write_text(stream, preface().substr(10) + get(1, "/only")));
  Heard heard;
  heard.text = co_await read_until(stream, "GET /only? ");
  // What bounded the preface's silence is over; the client has not said that it has heard.
  co_await pause_ms(40);
  static_cast<void>(co_await write_text(stream, frame(kPing, kAck, 0, "draining")));
  heard.in_order = (co_await hear(stream)).in_order;
  co_return heard;
}

TEST(Stop, AnswersAnHttp2RequestBehindAPrefaceThatItCutInTwo) {
  TcpRig rig;
  rig.limits.stop_patience = Nanoseconds::from_ms(30);
  rig.serve();
  const auto stream = connect_now(rig);
  run(rig.context, until_inside(rig, 1));
  const Heard heard = run(rig.context, stop_within_a_preface(rig, *stream));
  EXPECT_TRUE(heard.text.ends_with("GET /only? "));
  EXPECT_TRUE(heard.in_order);
  stream->close();
  expect_empty(rig);
}

TEST(Stop, WaitsALittleForAnHttp2ClientThatRestsAndDoesNotHear) {
  TcpRig rig;
  rig.limits.stop_patience = Nanoseconds::from_ms(60'000);
  rig.serve();
  const auto stream = connect_now(rig);
  static_cast<void>(run(rig.context, say_and_rest(*stream, preface() + get(1, "/first"), "GET /first? ")));
  rig.gate.close();
  EXPECT_TRUE(run(rig.context, wait_until_empty(rig.gate, Nanoseconds::from_ms(1'000))));
  expect_empty(rig);
}

}  // namespace
}  // namespace thalamus::net
