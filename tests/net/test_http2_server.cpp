/// The HTTP/2 server against frames written by hand: refusals, floods, stalls and the order of a stop.
#include <gtest/gtest.h>

#include <vector>

#include "http2_frames.h"
#include "rig.h"

namespace thalamus::net {
namespace {

// Error codes of RFC 9113 section 7.
constexpr int kNoError = 0;
constexpr int kRefusedStream = 7;
constexpr int kCancel = 8;
constexpr int kEnhanceYourCalm = 11;

using Fields = std::vector<std::pair<std::string, std::string>>;

/// Reads until a frame answers `stream` to its end, the connection ends, or `patience_ms` is over.
Awaitable<std::vector<Frame>> listen(Rig& rig, Stream& stream, std::uint32_t wanted, int patience_ms) {
  std::string all;
  std::array<char, 4096> piece{};
  const Nanoseconds deadline = rig.clock.now() + Nanoseconds::from_ms(patience_ms);
  for (;;) {
    const auto got = co_await stream.read_some(asio::buffer(piece), deadline);
    if (!got || *got == 0) co_return frames_of(all);
    all.append(piece.data(), *got);
    for (const Frame& one : frames_of(all)) {
      const bool message = one.type == kHeaders || one.type == kData;
      if (one.stream == wanted && wanted != 0 && ((message && (one.flags & kEndStream) != 0) || one.type == kReset))
        co_return frames_of(all);
    }
  }
}

Awaitable<void> write_and_forget(Stream& stream, std::string text) {
  static_cast<void>(co_await write_text(stream, text));
}

/// `input` behind the preface, and what came back until stream `wanted` was answered or, for 0, until the end.
std::vector<Frame> talk(Rig& rig, std::string_view input, std::uint32_t wanted = 0, int patience_ms = 1'000) {
  const auto stream = rig.connect();
  const std::string bytes = preface() + std::string(input);
  asio::co_spawn(rig.context, write_and_forget(*stream, bytes), asio::detached);
  auto frames = run(rig.context, listen(rig, *stream, wanted, patience_ms));
  stream->close();
  EXPECT_TRUE(run_dry(rig.context));
  EXPECT_EQ(rig.gate.inside(), 0U);
  return frames;
}

/// The status inside the error body of the tests, 200 for an echoed request, -1 for none.
int status_of_stream(const std::vector<Frame>& frames, std::uint32_t stream) {
  const std::string data = data_of(frames, stream);
  if (data.starts_with("{\"status\":")) return std::atoi(data.c_str() + 10);
  return data.empty() ? -1 : 200;
}

TEST(Http2Server, FindsThePrefaceHoweverItIsCutAndNothingElse) {
  for (const std::size_t size : {1U, 5U, 23U, 24U, 25U, 1000U}) {
    Rig rig;
    rig.network.faults().read_size_max = size;
    EXPECT_EQ(data_of(talk(rig, get(1, "/a?b"), 1), 1), "GET /a?b ") << size;
  }
  Rig rig;
  EXPECT_EQ(status_of(rig.talk("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n")), 505);
  EXPECT_EQ(status_of(rig.talk("PRI /x HTTP/1.1\r\nHost: h\r\n\r\n")), 200) << "a method like any other";
  Rig second;
  const std::string late = second.talk("GET / HTTP/1.1\r\nHost: h\r\n\r\n" + preface());
  EXPECT_EQ(status_of(late), 200);
  EXPECT_NE(late.find("HTTP/1.1 505"), std::string::npos) << "only a connection's beginning can be a preface";
  Rig off;
  off.limits.streams_max = 0;
  EXPECT_EQ(status_of(off.talk(preface())), 505);
}

TEST(Http2Server, RefusesWithTheExactStatusAndServesOn) {
  const std::string long_path = "/" + std::string(9'000, 'x');
  const std::string value(700, 'x');
  const Fields many(12, {"a", "b"});
  struct Case {
    std::string name;
    std::string block;
    std::string body;
    int status;
  };
  const std::vector<Case> cases{
      {"fine", request_block("POST", "/"), "hello", 200},
      {"long path", request_block("GET", long_path), "", 414},
      {"long head", request_block("GET", "/", Fields(20, {"a", value})), "", 431},
      {"many fields", request_block("GET", "/", many), "", 431},
      {"long body", request_block("POST", "/"), std::string(101, 'x'), 413},
      {"long length", request_block("POST", "/", {{"content-length", "101"}}), "x", 413},
      {"expectation", request_block("POST", "/", {{"expect", "x"}}), "", 417},
      {"two hosts", request_block("GET", "/", {{"host", "other"}}), "", 400},
      {"same host", request_block("POST", "/", {{"host", "h"}}), "x", 200},
      {"connect", field(":method", "CONNECT") + field(":authority", "h"), "", 501},
  };
  for (const Case& one : cases) {
    Rig rig;
    rig.limits.headers_max = 10;
    rig.limits.body_bytes_max = 100;
    if (one.name != "long path") rig.limits.head_bytes_max = 12'000;
    const bool ends = one.body.empty();
    std::string input = frame(kHeaders, static_cast<std::uint8_t>(kEndHeaders | (ends ? kEndStream : 0)), 1, one.block);
    // What follows is not waited for.
    const std::uint8_t flags = one.name == "long length" ? 0 : kEndStream;
    if (!ends) input += frame(kData, flags, 1, one.body);
    const auto frames = talk(rig, input + get(3, "/next"), 3);
    EXPECT_EQ(status_of_stream(frames, 1), one.status) << one.name;
    EXPECT_EQ(data_of(frames, 3), "GET /next? ") << one.name;
    EXPECT_EQ(goaway_code(frames), -1) << one.name;
  }
}

TEST(Http2Server, ResetsStreamsWhoseHeadIsMalformed) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"connection", request_block("GET", "/", {{"connection", "close"}})},
      {"keep-alive", request_block("GET", "/", {{"keep-alive", "1"}})},
      {"transfer-encoding", request_block("POST", "/", {{"transfer-encoding", "chunked"}})},
      {"upgrade", request_block("GET", "/", {{"upgrade", "h2c"}})},
      {"proxy-connection", request_block("GET", "/", {{"proxy-connection", "x"}})},
      {"te", request_block("GET", "/", {{"te", "gzip"}})},
      {"upper case", request_block("GET", "/", {{"Abc", "x"}})},
      {"space in a name", request_block("GET", "/", {{"a b", "x"}})},
      {"line feed in a value", request_block("GET", "/", {{"a", "x\ny"}})},
      {"nul in a value", request_block("GET", "/", {{"a", std::string("x\0y", 3)}})},
      {"unknown pseudo-header", request_block("GET", "/", {{":x", "y"}})},
      {"late pseudo-header", request_block("GET", "/", {{"a", "b"}, {":path", "/"}})},
      {"two paths", request_block("GET", "/", {{":path", "/2"}})},
      {"no path", field(":method", "GET") + field(":scheme", "http") + field(":authority", "h")},
      {"no host", field(":method", "GET") + field(":scheme", "http") + field(":path", "/")},
      {"empty path", request_block("GET", "")},
      {"no method", field(":scheme", "http") + field(":authority", "h") + field(":path", "/")},
      {"relative path", request_block("GET", "x")},
      {"two lengths", request_block("POST", "/", {{"content-length", "1"}, {"content-length", "2"}})},
      {"bad length", request_block("POST", "/", {{"content-length", "1x"}})},
      {"length without body", request_block("POST", "/", {{"content-length", "5"}})},
  };
  for (const auto& [name, block] : cases) {
    Rig rig;
    int handled = 0;
    rig.handler = [&](HttpRequest& request, Responder& responder) {
      handled += request.path == "/next" ? 0 : 1;
      return echo(request, responder);
    };
    const auto frames = talk(rig, frame(kHeaders, kEndHeaders | kEndStream, 1, block) + get(3, "/next"), 3);
    EXPECT_TRUE(reset_code(frames, 1) > 0) << name;
    EXPECT_EQ(handled, 0) << name;
    EXPECT_EQ(data_of(frames, 3), "GET /next? ") << name;
  }
}

TEST(Http2Server, EndsConnectionsThatBreakTheProtocol) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"data on an idle stream", frame(kData, 0, 1, "x")},
      {"an even stream", get(2, "/")},
      {"settings of a wrong size", frame(kSettings, 0, 0, "12345")},
      {"settings on a stream", frame(kSettings, 0, 1)},
      {"ping of a wrong size", frame(kPing, 0, 0, "1")},
      {"a frame too large", frame(kData, 0, 1, std::string(20'000, 'x'))},
      {"a continuation out of place", frame(kContinuation, kEndHeaders, 1, request_block("GET", "/"))},
      {"another frame within a header block",
       frame(kHeaders, kEndStream, 1, request_block("GET", "/")) + frame(kPing, 0, 0, "12345678")},
      {"broken header compression", frame(kHeaders, kEndHeaders | kEndStream, 1, "\xff\xff\xff\xff\xff\xff\xff")},
      {"window past its end",
       frame(kWindowUpdate, 0, 0, number(0x7fffffff)) + frame(kWindowUpdate, 0, 0, number(0x7fffffff))},
      {"a push from the client", frame(5, kEndHeaders, 1, number(2) + request_block("GET", "/"))},
      {"not even settings", "GET / HTTP/1.1\r\n\r\n"},
  };
  for (const auto& [name, input] : cases) {
    Rig rig;
    const auto frames = talk(rig, input);
    EXPECT_GT(goaway_code(frames), kNoError) << name;
  }
}

// ---- floods
// ----------------------------------------------------------------------------------------------------------

std::string repeated(int times, const std::string& text) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

TEST(Http2Server, EndsConnectionsThatOnlyMakeWork) {
  std::string empty_data = frame(kHeaders, kEndHeaders, 1, request_block("POST", "/"));
  empty_data += repeated(2'000, frame(kData, 0, 1));
  std::string continuations = frame(kHeaders, kEndStream, 1, request_block("GET", "/"));
  continuations += repeated(2'000, frame(kContinuation, 0, 1));
  std::string broken_streams;
  for (std::uint32_t id = 1; id < 3'000; id += 2)
    broken_streams +=
        frame(kHeaders, kEndHeaders, id, request_block("POST", "/")) + frame(kWindowUpdate, 0, id, number(0));
  const std::vector<std::pair<std::string, std::string>> cases{
      {"pings", repeated(2'000, frame(kPing, 0, 0, "12345678"))},
      {"settings", repeated(2'000, frame(kSettings, 0, 0))},
      {"priorities", repeated(2'000, frame(kPriority, 0, 1, number(0) + "x"))},
      {"empty data", empty_data},
      {"continuations", continuations},
      {"small windows", get(1, "/flood") + repeated(2'000, frame(kWindowUpdate, 0, 0, number(1)))},
      {"streams that the server must reset", broken_streams},
  };
  for (const auto& [name, input] : cases) {
    Rig rig;
    const auto frames = talk(rig, input);
    // A fault on the way ends some of them sooner; none goes on.
    EXPECT_GT(goaway_code(frames), kNoError) << name;
  }
}

Awaitable<void> notice_late(std::size_t& running, std::size_t& most, std::size_t& total) {
  most = std::max(most, ++running);
  ++total;
  for (int i = 0; i < 5; ++i) co_await pause_ms(1);
  --running;
}

TEST(Http2Server, RapidResetMakesNoMoreHandlersThanWaiting) {
  Rig rig;
  rig.limits.streams_max = 10;
  std::size_t running = 0;
  std::size_t most = 0;
  std::size_t total = 0;
  rig.handler = [&](HttpRequest&, Responder&) { return notice_late(running, most, total); };
  std::string input;
  for (std::uint32_t id = 1; id < 4'000; id += 2) input += get(id, "/") + frame(kReset, 0, id, number(kCancel));
  rig.network.faults().read_size_max = 200;
  const auto frames = talk(rig, input);
  EXPECT_EQ(goaway_code(frames), kEnhanceYourCalm);
  EXPECT_LE(most, 20U);
  EXPECT_LE(total, 300U);
}

TEST(Http2Server, AnHonestClientMayCancelNowAndThen) {
  Rig rig;
  std::string input;
  for (std::uint32_t id = 1; id < 100; id += 2) input += get(id, "/") + frame(kReset, 0, id, number(kCancel));
  const auto frames = talk(rig, input + get(101, "/last"), 101);
  EXPECT_EQ(data_of(frames, 101), "GET /last? ");
  EXPECT_EQ(goaway_code(frames), -1);
}

TEST(Http2Server, RefusesMoreStreamsThanItSaid) {
  Rig rig;
  rig.limits.streams_max = 3;
  std::string input;
  for (std::uint32_t id = 1; id < 20; id += 2) input += frame(kHeaders, kEndHeaders, id, request_block("POST", "/"));
  const auto frames = talk(rig, input + frame(kData, kEndStream, 1, "x"), 1);
  EXPECT_EQ(data_of(frames, 1), "POST /? x");
  EXPECT_EQ(reset_code(frames, 9), kRefusedStream);
}

TEST(Http2Server, HoldsNoMoreThanTwoBodiesOfOneConnection) {
  Rig rig;
  rig.limits.body_bytes_max = 10'000;
  std::string input;
  for (std::uint32_t id = 1; id < 10; id += 2)
    input +=
        frame(kHeaders, kEndHeaders, id, request_block("POST", "/")) + frame(kData, 0, id, std::string(9'000, 'x'));
  const auto frames = talk(rig, input + frame(kData, kEndStream, 1, "y"), 1);
  EXPECT_EQ(data_of(frames, 1).size(), 8U + 9'001U);
  EXPECT_EQ(reset_code(frames, 5), kRefusedStream);
  EXPECT_EQ(reset_code(frames, 3), -1);
}

// ---- time
// ------------------------------------------------------------------------------------------------------------

TEST(Http2Server, GivesUpOnSlowHeadsBodiesAndSilence) {
  const auto hold = [](std::string_view input, std::uint32_t wanted) {
    Rig rig;
    rig.limits.head_timeout = Nanoseconds::from_ms(15);
    rig.limits.idle_timeout = Nanoseconds::from_ms(15);
    rig.limits.body_timeout = Nanoseconds::from_ms(15);
    return talk(rig, input, wanted, 500);
  };
  EXPECT_EQ(goaway_code(hold("", 0)), kNoError);
  EXPECT_EQ(goaway_code(hold(get(1, "/"), 0)), kNoError);
  EXPECT_EQ(goaway_code(hold(frame(kHeaders, 0, 1, request_block("GET", "/")), 0)), kEnhanceYourCalm);
  const auto body = hold(frame(kHeaders, kEndHeaders, 1, request_block("POST", "/")) + frame(kData, 0, 1, "he"), 1);
  EXPECT_EQ(status_of_stream(body, 1), 408);
  Rig partial;
  partial.limits.head_timeout = Nanoseconds::from_ms(15);
  const auto stream = partial.connect();
  run(partial.context, write_text(*stream, preface().substr(0, 10))).value();
  EXPECT_EQ(status_of(run(partial.context, read_to_end(*stream))), 408);
}

Awaitable<void> ping_on(Stream& stream) {
  for (;;) {
    const Status told = co_await write_text(stream, frame(kPing, 0, 0, "12345678"));
    if (!told) co_return;
    co_await pause_ms(3);
  }
}

TEST(Http2Server, PingsDoNotKeepAnIdleConnection) {
  Rig rig;
  rig.limits.idle_timeout = Nanoseconds::from_ms(20);
  const auto stream = rig.connect();
  run(rig.context, write_text(*stream, preface() + get(1, "/"))).value();
  asio::co_spawn(rig.context, ping_on(*stream), asio::detached);
  const auto frames = run(rig.context, listen(rig, *stream, 0, 2'000));
  EXPECT_EQ(goaway_code(frames), kNoError);
  stream->close();
  EXPECT_TRUE(run_dry(rig.context));
}

TEST(Http2Server, AShutWindowEndsTheStreamAndNotTheConnection) {
  Rig rig;
  rig.limits.write_timeout = Nanoseconds::from_ms(15);
  // SETTINGS_INITIAL_WINDOW_SIZE 0.
  const std::string shut = frame(kSettings, 0, 0, std::string("\0\4", 2) + number(0));
  const auto frames = talk(rig, shut + get(1, "/"), 1);
  EXPECT_EQ(reset_code(frames, 1), kCancel);
  EXPECT_EQ(data_of(frames, 1), "");
  EXPECT_EQ(goaway_code(frames), -1);
}

// ---- a stop
// ----------------------------------------------------------------------------------------------------------

Awaitable<std::vector<Frame>> stop_between(Rig& rig, Stream& stream, bool& entered) {
  static_cast<void>(co_await write_text(stream, preface() + get(1, "/wait")));
  while (!entered) co_await pause_ms(1);
  rig.gate.close();
  // Sent before the client has heard of the stop.
  static_cast<void>(co_await write_text(stream, get(3, "/late")));
  static_cast<void>(co_await write_text(stream, frame(kPing, kAck, 0, "draining") + get(5, "/too-late")));
  co_return co_await listen(rig, stream, 0, 2'000);
}

Awaitable<void> wait_a_little(bool* entered, HttpRequest& request, Responder& responder) {
  *entered = true;
  if (request.path == "/wait") co_await pause_ms(10);
  co_await echo(request, responder);
}

TEST(Http2Server, AStopServesWhatWasSentBeforeItWasHeard) {
  Rig rig;
  bool entered = false;
  rig.handler = [&](HttpRequest& request, Responder& responder) { return wait_a_little(&entered, request, responder); };
  const auto stream = rig.connect();
  const auto frames = run(rig.context, stop_between(rig, *stream, entered));
  EXPECT_EQ(data_of(frames, 1), "GET /wait? ");
  EXPECT_EQ(data_of(frames, 3), "GET /late? ");
  EXPECT_EQ(data_of(frames, 5), "");
  std::vector<std::uint32_t> last_streams;
  for (const Frame& one : frames)
    if (one.type == kGoaway) last_streams.push_back(number_at(one.payload, 0));
  EXPECT_EQ(last_streams, (std::vector<std::uint32_t>{0x7fffffff, 3}));
  EXPECT_EQ(goaway_code(frames), kNoError);
  EXPECT_TRUE(run(rig.context, wait_until_empty(rig.gate, Nanoseconds::from_ms(1'000))));
  stream->close();
  EXPECT_TRUE(run_dry(rig.context));
}

TEST(Http2Server, TellsAnExpectingClientToContinue) {
  Rig rig;
  const auto frames = talk(rig,
                           frame(kHeaders, kEndHeaders, 1, request_block("POST", "/", {{"expect", "100-continue"}})) +
                               frame(kData, kEndStream, 1, "ok"),
                           1);
  std::size_t heads = 0;
  for (const Frame& one : frames) heads += one.type == kHeaders && one.stream == 1 ? 1 : 0;
  EXPECT_EQ(heads, 2U);
  EXPECT_EQ(data_of(frames, 1), "POST /? ok");
}

std::string long_upload() {
  return frame(kHeaders, kEndHeaders, 1, request_block("POST", "/")) + frame(kData, 0, 1, std::string(200, 'x'));
}

TEST(Http2Server, AnEarlyAnswerCanBeReadWhileTheUploadGoesOn) {
  Rig rig;
  rig.limits.body_bytes_max = 100;
  const auto frames = talk(rig, long_upload() + get(3, "/next"), 3);
  EXPECT_EQ(status_of_stream(frames, 1), 413);
  EXPECT_EQ(reset_code(frames, 1), -1);
  EXPECT_EQ(data_of(frames, 3), "GET /next? ");
}

Awaitable<std::vector<Frame>> stop_within_an_upload(Rig& rig, Stream& stream) {
  static_cast<void>(co_await write_text(stream, preface() + long_upload()));
  auto frames = co_await listen(rig, stream, 1, 1'000);
  rig.gate.close();
  static_cast<void>(co_await write_text(stream, frame(kPing, kAck, 0, "draining")));
  const auto rest = co_await listen(rig, stream, 0, 1'000);
  frames.insert(frames.end(), rest.begin(), rest.end());
  co_return frames;
}

TEST(Http2Server, AnUploadThatWasAnsweredIsCutOffInTime) {
  Rig rig;
  rig.limits.body_bytes_max = 100;
  const auto stream = rig.connect();
  const auto frames = run(rig.context, stop_within_an_upload(rig, *stream));
  EXPECT_EQ(status_of_stream(frames, 1), 413);
  EXPECT_EQ(reset_code(frames, 1), kNoError);
  EXPECT_TRUE(run(rig.context, wait_until_empty(rig.gate, Nanoseconds::from_ms(1'000))));
  stream->close();
  EXPECT_TRUE(run_dry(rig.context));
}

}  // namespace
}  // namespace thalamus::net
