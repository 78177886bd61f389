/// The server over the in-memory transport: every refusal, every order of bytes, every failing operation.
#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

#include "rig.h"

namespace thalamus::net {
namespace {

constexpr std::string_view kGet = "GET /a?b HTTP/1.1\r\nHost: h\r\n\r\n";
constexpr std::string_view kPost = "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello";

std::string without_dates(std::string text) {
  for (auto at = text.find("Date: "); at != std::string::npos; at = text.find("Date: ", at))
    text.erase(at, text.find("\r\n", at) + 2 - at);
  return text;
}

TEST(Server, AnswersWithLengthAndType) {
  Rig rig;
  const std::string answer = rig.talk(kPost);
  EXPECT_NE(answer.find("\r\nDate: "), std::string::npos);
  EXPECT_EQ(without_dates(answer),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 14\r\n\r\nPOST /p? hello");
  EXPECT_TRUE(run_dry(rig.context));
  EXPECT_EQ(rig.gate.inside(), 0U);
}

TEST(Server, StreamsInChunksAndLeavesOutEmptyOnes) {
  Rig rig;
  const std::string answer = without_dates(rig.talk("POST /stream HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nxy"));
  EXPECT_EQ(answer,
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
            "4\r\none,\r\n4\r\ntwo,\r\n2\r\nxy\r\n0\r\n\r\n");
}

TEST(Server, GivesTheSameAnswersHoweverTheBytesAreCut) {
  Rig whole;
  const std::string input =
      std::string(kPost) + std::string(kGet) +
      "POST /stream HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  const std::string expected = without_dates(whole.talk(input));
  EXPECT_NE(expected.find("POST /p? hello"), std::string::npos);
  EXPECT_NE(expected.find("GET /a?b "), std::string::npos);
  EXPECT_NE(expected.find("3\r\nabc\r\n0\r\n\r\n"), std::string::npos);
  for (const std::size_t size : {1U, 2U, 3U, 7U, 50U}) {
    Rig rig;
    rig.network.faults().read_size_max = size;
    EXPECT_EQ(without_dates(rig.talk(input)), expected) << size;
  }
}

Awaitable<std::string> talk_in_two(Stream& stream, std::string_view input, std::size_t cut) {
  static_cast<void>(co_await write_text(stream, input.substr(0, cut)));
  // The server takes the first half before the second is there.
  for (int turn = 0; turn < 4; ++turn) co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
  static_cast<void>(co_await write_text(stream, input.substr(cut)));
  stream.finish_writing();
  co_return co_await read_to_end(stream);
}

TEST(Server, ReadsARequestSplitAtEveryByte) {
  const std::string input = std::string(kPost) + std::string(kGet);
  Rig whole;
  const std::string expected = without_dates(whole.talk(input));
  for (std::size_t cut = 1; cut < input.size(); ++cut) {
    Rig rig;
    const auto stream = rig.connect();
    EXPECT_EQ(without_dates(run(rig.context, talk_in_two(*stream, input, cut))), expected) << cut;
  }
}

TEST(Server, AnswersPipelinedRequestsInOrder) {
  Rig rig;
  std::string input;
  for (int i = 0; i < 300; ++i) input += fmt::format("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", i);
  const std::string answer = rig.talk(input);
  std::size_t at = 0;
  for (int i = 0; i < 300; ++i) {
    at = answer.find(fmt::format("GET /{}? ", i), at);
    ASSERT_NE(at, std::string::npos) << i;
  }
}

TEST(Server, RefusesWithTheExactStatusAndCloses) {
  const std::vector<std::pair<std::string, int>> cases{
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello", 400},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400},
      {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: br\r\n\r\n", 501},
      {"GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: h\nA: b\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505},
      {"GET / HTTP/1.1\r\nHost: h\r\nExpect: x\r\n\r\n", 417},
      {"GET /" + std::string(10'000, 'x') + " HTTP/1.1\r\nHost: h\r\n\r\n", 414},
      {"GET / HTTP/1.1\r\nHost: h\r\nA: " + std::string(3'000, 'x') + "\r\n\r\n", 431},
      {"GET / HTTP/1.1\r\nHost: h\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\n\r\n", 431},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 101\r\n\r\n", 413},
      {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n" + std::string(100, 'x') + "\r\n1\r\n",
       413},
  };
  for (const auto& [input, status] : cases) {
    Rig rig;
    rig.limits.headers_max = 4;
    rig.limits.body_bytes_max = 100;
    if (status == 431) rig.limits.head_bytes_max = 2'000;
    const std::string answer = rig.talk(std::string(kGet) + input + std::string(kGet));
    const auto second = answer.find("HTTP/1.1 ", 1);
    ASSERT_NE(second, std::string::npos) << input.substr(0, 80);
    EXPECT_EQ(status_of(answer.substr(second)), status) << input.substr(0, 80) << "\n" << answer;
    EXPECT_NE(answer.find("Connection: close", second), std::string::npos);
    EXPECT_NE(answer.find(fmt::format("{{\"status\":{}", status), second), std::string::npos);
    EXPECT_EQ(answer.find("HTTP/1.1 2", second + 1), std::string::npos) << "nothing is served after a refusal";
    EXPECT_TRUE(run_dry(rig.context));
  }
}

TEST(Server, SpeaksHttp10WithoutChunksAndCloses) {
  Rig rig;
  const std::string answer = rig.talk("GET /stream HTTP/1.0\r\n\r\n" + std::string(kGet));
  EXPECT_TRUE(answer.ends_with("\r\n\r\none,two,"));
  EXPECT_EQ(answer.find("chunked"), std::string::npos);
  EXPECT_NE(answer.find("Connection: close"), std::string::npos);
}

TEST(Server, AnswersHeadWithoutABody) {
  Rig rig;
  const std::string input = "HEAD /a HTTP/1.1\r\nHost: h\r\n\r\nHEAD /stream HTTP/1.1\r\nHost: h\r\n\r\n";
  const std::string answer = without_dates(rig.talk(input));
  EXPECT_EQ(answer,
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\n"
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n");
}

Awaitable<std::pair<std::string, std::string>> ask_to_continue(Stream& stream) {
  const auto head = "POST /c HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
  static_cast<void>(co_await write_text(stream, head));
  std::string interim = co_await read_until(stream, "\r\n\r\n");
  static_cast<void>(co_await write_text(stream, "ok"));
  stream.finish_writing();
  std::string rest = co_await read_to_end(stream);
  co_return std::make_pair(std::move(interim), std::move(rest));
}

TEST(Server, TellsAnExpectingClientToContinue) {
  Rig rig;
  const auto stream = rig.connect();
  const auto [interim, answer] = run(rig.context, ask_to_continue(*stream));
  EXPECT_EQ(interim, "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_TRUE(answer.ends_with("POST /c? ok"));
}

Awaitable<void> misbehave(HttpRequest& request, Responder& responder) {
  Headers headers;
  if (request.path == "/throw") throw std::runtime_error("planned");
  if (request.path == "/half") {
    static_cast<void>(co_await responder.start(200, headers, "half"));
    co_return;
  }
  if (request.path == "/half-throw") {
    static_cast<void>(co_await responder.start(200, headers, "half"));
    throw std::runtime_error("planned");
  }
  if (request.path == "/twice") {
    EXPECT_TRUE((co_await responder.send(200, headers, "once")).has_value());
    EXPECT_TRUE(responder.started());
    EXPECT_FALSE((co_await responder.send(200, headers, "twice")).has_value());
    EXPECT_FALSE((co_await responder.start(200, headers, "twice")).has_value());
    EXPECT_FALSE((co_await responder.write("more")).has_value());
    EXPECT_FALSE((co_await responder.finish()).has_value());
  }
  if (request.path == "/inject") {
    headers.add("X", "a\r\nSet-Cookie: b");
    EXPECT_FALSE((co_await responder.send(200, headers, "")).has_value());
    EXPECT_FALSE(responder.started());
  }
  if (request.path == "/close") {
    headers.add("Connection", "close");
    static_cast<void>(co_await responder.send(200, headers, "bye"));
  }
}

TEST(Server, SurvivesWhatHandlersDo) {
  const auto talk = [](std::string_view path) {
    Rig rig;
    rig.handler = misbehave;
    std::string answer = rig.talk(fmt::format("GET {} HTTP/1.1\r\nHost: h\r\n\r\n", path));
    EXPECT_TRUE(run_dry(rig.context));
    EXPECT_EQ(rig.gate.inside(), 0U);
    EXPECT_EQ(rig.gate.failures(), path.ends_with("throw") ? 1U : 0U) << path;
    return answer;
  };
  EXPECT_EQ(status_of(talk("/throw")), 500);
  EXPECT_EQ(status_of(talk("/nothing")), 500);
  EXPECT_EQ(status_of(talk("/inject")), 500);
  EXPECT_EQ(talk("/inject").find("Set-Cookie"), std::string::npos);
  // Without the last chunk the client knows that the answer is cut.
  EXPECT_TRUE(talk("/half").ends_with("4\r\nhalf\r\n"));
  EXPECT_TRUE(talk("/half-throw").ends_with("4\r\nhalf\r\n"));
  EXPECT_TRUE(talk("/twice").ends_with("once"));
  EXPECT_NE(talk("/close").find("Connection: close"), std::string::npos);
}

// ---- the client goes away
// --------------------------------------------------------------------------------------------

struct Waiting {
  asio::steady_timer* timer = nullptr;
  bool entered = false;
  bool gone = false;
};

Awaitable<void> wait_until_gone(Waiting* waiting, HttpRequest& request, Responder& responder) {
  asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::seconds(5));
  waiting->timer = &timer;
  waiting->entered = true;
  const auto id = responder.client_gone().add([&timer] { timer.cancel(); });
  boost::system::error_code error;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
  responder.client_gone().remove(id);
  waiting->gone = responder.client_gone().cancelled();
  waiting->timer = nullptr;
  Headers headers;
  static_cast<void>(co_await responder.send(200, headers, request.path));
}

Awaitable<void> wait_for(const bool& flag) {
  while (!flag) co_await pause_ms(1);
}

Awaitable<void> ask_and_leave(Stream& stream, Waiting& waiting) {
  static_cast<void>(co_await write_text(stream, kGet));
  co_await wait_for(waiting.entered);
  stream.close();
  co_await wait_for(waiting.gone);
}

TEST(Server, NoticesAClientThatLeavesWhileTheHandlerRuns) {
  Rig rig;
  Waiting waiting;
  rig.handler = [&waiting](HttpRequest& request, Responder& responder) {
    return wait_until_gone(&waiting, request, responder);
  };
  const auto stream = rig.connect();
  run(rig.context, ask_and_leave(*stream, waiting));
  EXPECT_TRUE(waiting.gone);
  EXPECT_TRUE(run_dry(rig.context));
  EXPECT_EQ(rig.gate.inside(), 0U);
}

Awaitable<std::string> pipeline_while_busy(Stream& stream, Waiting& waiting) {
  static_cast<void>(co_await write_text(stream, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n"));
  co_await wait_for(waiting.entered);
  // The pending read takes half of the next request; none of it may be lost.
  static_cast<void>(co_await write_text(stream, "GET /2 HTTP/1.1\r\nHo"));
  co_await pause_ms(2);
  EXPECT_FALSE(waiting.gone);
  waiting.entered = false;
  waiting.timer->cancel();
  std::string answers = co_await read_until(stream, "/1");
  static_cast<void>(co_await write_text(stream, "st: h\r\n\r\n"));
  co_await wait_for(waiting.entered);
  waiting.timer->cancel();
  answers += co_await read_until(stream, "/2");
  stream.finish_writing();
  co_return answers;
}

TEST(Server, KeepsWhatArrivesWhileTheHandlerRuns) {
  Rig rig;
  Waiting waiting;
  rig.handler = [&waiting](HttpRequest& request, Responder& responder) {
    return wait_until_gone(&waiting, request, responder);
  };
  const auto stream = rig.connect();
  const std::string answers = run(rig.context, pipeline_while_busy(*stream, waiting));
  EXPECT_TRUE(answers.ends_with("/2"));
  EXPECT_FALSE(waiting.gone);
  EXPECT_TRUE(run_dry(rig.context));
}

// ---- time
// ------------------------------------------------------------------------------------------------------------

Awaitable<std::string> send_and_listen(Stream& stream, std::string_view input) {
  static_cast<void>(co_await write_text(stream, input));
  co_return co_await read_to_end(stream);
}

TEST(Server, GivesUpOnSlowHeadsAndBodiesWith408AndOnSilenceWithoutAWord) {
  const auto talk = [](std::string_view input) {
    Rig rig;
    rig.limits.head_timeout = Nanoseconds::from_ms(15);
    rig.limits.idle_timeout = Nanoseconds::from_ms(15);
    rig.limits.body_timeout = Nanoseconds::from_ms(15);
    const auto stream = rig.connect();
    std::string answer = run(rig.context, send_and_listen(*stream, input));
    stream->close();
    EXPECT_TRUE(run_dry(rig.context));
    return answer;
  };
  EXPECT_EQ(status_of(talk("GET / HT")), 408);
  EXPECT_EQ(status_of(talk("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhel")), 408);
  EXPECT_EQ(talk(""), "");
  const std::string one = talk(kGet);
  EXPECT_EQ(status_of(one), 200);
  EXPECT_EQ(one.find("408"), std::string::npos);
}

Awaitable<void> flood(Status* last, HttpRequest&, Responder& responder) {
  Headers headers;
  const std::string piece(50'000, 'x');
  *last = co_await responder.start(200, headers, piece);
  for (int i = 0; i < 100 && last->has_value(); ++i) *last = co_await responder.write(piece);
}

TEST(Server, WaitsForASlowReaderOnlyUntilTheWriteTimeout) {
  Rig rig;
  Status last;
  rig.limits.write_timeout = Nanoseconds::from_ms(15);
  rig.handler = [&last](HttpRequest& request, Responder& responder) { return flood(&last, request, responder); };
  const auto stream = rig.connect();
  run(rig.context, write_text(*stream, kGet)).value();
  EXPECT_TRUE(run_dry(rig.context));
  ASSERT_FALSE(last.has_value());
  EXPECT_EQ(last.error().kind, ErrorKind::kTimeout);
  EXPECT_EQ(rig.gate.inside(), 0U);
}

// ---- stopping
// --------------------------------------------------------------------------------------------------------

Awaitable<std::string> stop_while_busy(Rig& rig, Stream& idle, Stream& busy, Waiting& waiting) {
  static_cast<void>(co_await write_text(idle, kPost));
  EXPECT_EQ(status_of(co_await read_until(idle, "hello")), 200);
  static_cast<void>(co_await write_text(busy, kGet));
  co_await wait_for(waiting.entered);
  EXPECT_EQ(rig.gate.inside(), 2U);
  rig.gate.close();
  EXPECT_EQ(co_await read_to_end(idle), "");
  EXPECT_FALSE(co_await wait_until_empty(rig.gate, Nanoseconds::from_ms(5)));
  waiting.timer->cancel();
  std::string answer = co_await read_to_end(busy);
  EXPECT_TRUE(co_await wait_until_empty(rig.gate, Nanoseconds::from_ms(1'000)));
  co_return answer;
}

TEST(Server, StopsIdleConnectionsAtOnceAndBusyOnesAfterTheirAnswer) {
  Rig rig;
  rig.limits.stop_patience = Nanoseconds::from_ms(60'000);
  Waiting waiting;
  rig.handler = [&waiting](HttpRequest& request, Responder& responder) {
    return request.method == "POST" ? echo(request, responder) : wait_until_gone(&waiting, request, responder);
  };
  const auto idle = rig.connect();
  const auto busy = rig.connect();
  const std::string answer = run(rig.context, stop_while_busy(rig, *idle, *busy, waiting));
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_NE(answer.find("Connection: close"), std::string::npos);
  EXPECT_TRUE(run_dry(rig.context));
}

Awaitable<std::string> abort_while_busy(Rig& rig, Stream& busy, Waiting& waiting) {
  static_cast<void>(co_await write_text(busy, kGet));
  co_await wait_for(waiting.entered);
  rig.gate.abort();
  co_return co_await read_to_end(busy);
}

TEST(Server, CutsEverythingWhenThePatienceEnds) {
  Rig rig;
  Waiting waiting;
  rig.handler = [&waiting](HttpRequest& request, Responder& responder) {
    return wait_until_gone(&waiting, request, responder);
  };
  const auto busy = rig.connect();
  EXPECT_EQ(run(rig.context, abort_while_busy(rig, *busy, waiting)), "");
  EXPECT_TRUE(run_dry(rig.context));
  EXPECT_TRUE(waiting.gone);
}

TEST(Server, MayBeTornDownInTheMiddleOfEverything) {
  Waiting waiting;
  auto rig = std::make_unique<Rig>();
  rig->handler = [&waiting](HttpRequest& request, Responder& responder) {
    return wait_until_gone(&waiting, request, responder);
  };
  const auto stream = rig->connect();
  const auto idle = rig->connect();
  run(rig->context, write_text(*stream, kGet)).value();
  run(rig->context, wait_for(waiting.entered));
}

// ---- every operation fails once
// --------------------------------------------------------------------------------------

TEST(Server, EndsCleanlyWhicheverOperationFails) {
  const std::string input = std::string(kPost) + "POST /stream HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nxy";
  Rig whole;
  const std::string expected = whole.talk(input);
  std::uint64_t fail_at = 1;
  for (; fail_at < 1'000; ++fail_at) {
    FailCounter counter;
    counter.fail_at = fail_at;
    Rig rig;
    rig.network.faults().counter = &counter;
    rig.network.faults().read_size_max = 40;
    const std::string answer = rig.talk(input);
    EXPECT_TRUE(run_dry(rig.context)) << fail_at;
    EXPECT_EQ(rig.gate.inside(), 0U) << fail_at;
    EXPECT_EQ(rig.gate.failures(), 0U) << fail_at;
    EXPECT_TRUE(expected.starts_with(answer) || !counter.hit) << fail_at << answer;
    if (!counter.hit) {
      EXPECT_EQ(answer, expected);
      break;
    }
  }
  EXPECT_GT(fail_at, 10U);
  EXPECT_LT(fail_at, 1'000U);
}

TEST(Server, EndsCleanlyWhereverTheConnectionBreaks) {
  const std::string input = std::string(kPost) + std::string(kGet);
  Rig whole;
  const std::string expected = without_dates(whole.talk(input));
  for (std::uint64_t bytes = 1; bytes < input.size(); ++bytes) {
    Rig rig;
    rig.network.faults().to_server_bytes_max = bytes;
    static_cast<void>(rig.talk(input));
    EXPECT_TRUE(run_dry(rig.context)) << bytes;
    EXPECT_EQ(rig.gate.inside(), 0U) << bytes;
  }
}

}  // namespace
}  // namespace thalamus::net
