#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "random_answer.h"
#include "response_events.h"
#include "thalamus/wire/format.h"

namespace thalamus::wire {
namespace {

using nlohmann::json;

const Format& responses() { return *find_format("responses"); }

constexpr core::Usage kUsage{
    .input = 10, .cached_input = 4, .output = 5, .reasoning = 2, .known = true, .cache_write = 1};

std::string stream_of(const std::vector<core::Delta>& deltas, core::Finish finish = core::Finish::kStop,
                      const core::Usage& usage = kUsage) {
  const auto writer = responses().write_stream(
      {.id = "1", .created_unix_s = 1700000000, .model = "m", .with_usage = false, .input_tokens = 0});
  std::string out;
  writer->start(out);
  for (const core::Delta& delta : deltas) writer->write(delta, out);
  writer->end({.finish = finish, .usage = usage}, out);
  return out;
}

core::Delta piece(core::DeltaKind kind, std::string text, std::string id = {}) {
  core::Delta delta = text_delta(std::move(text));
  delta.kind = kind;
  delta.id = std::move(id);
  return delta;
}

std::vector<std::string> names_of(std::string_view stream) {
  std::vector<std::string> out;
  for (const SseEvent& event : events_of(stream)) out.push_back(event.event);
  return out;
}

core::Answer sample() {
  core::Answer answer;
  answer.id = "1";
  answer.created_unix_s = 1700000000;
  answer.model = "m";
  answer.text = "He said \"\xc3\xa9\"\n";
  answer.usage = kUsage;
  return answer;
}

TEST(ResponsesEncode, WritesAnAnswerAsTheOfficialClientsExpectIt) {
  EXPECT_EQ(json::parse(responses().encode_answer(sample())), json::parse(R"({
    "id":"resp_1","object":"response","created_at":1700000000,"status":"completed","background":false,"error":null,
    "incomplete_details":null,"instructions":null,"max_output_tokens":null,"metadata":{},"model":"m",
    "output":[{"id":"msg_1_0","type":"message","status":"completed","role":"assistant",
               "content":[{"type":"output_text","text":"He said \"é\"\n","annotations":[],"logprobs":[]}]}],
    "parallel_tool_calls":true,"previous_response_id":null,"reasoning":{"effort":null,"summary":null},"store":false,
    "temperature":null,"text":{"format":{"type":"text"}},"tool_choice":"auto","tools":[],"top_p":null,
    "truncation":"disabled",
    "usage":{"input_tokens":10,"input_tokens_details":{"cached_tokens":4,"cache_write_tokens":1},"output_tokens":5,
             "output_tokens_details":{"reasoning_tokens":2},"total_tokens":15},"user":null})"));
}

TEST(ResponsesEncode, RepeatsWhatTheRequestAskedFor) {
  const std::string request = R"({"model":"auto","input":"q","instructions":"be brief","temperature":0.20,"top_p":null,
    "metadata":{"run":"7"},"max_output_tokens":64,"tools":[{"type":"function","name":"f"}],"tool_choice":"required",
    "parallel_tool_calls":false,"reasoning":{"effort":"low"},"text":{"verbosity":"low"},"user":"u","store":true,
    "truncation":"auto","safety_identifier":"s","previous_response_id":"resp_0","unknown":1})";
  core::Answer answer = sample();
  answer.service_tier = "priority";
  const json whole = json::parse(responses().encode_answer(answer, request));
  const json expected = json::parse(R"({"instructions":"be brief","temperature":0.20,"top_p":null,
    "metadata":{"run":"7"},"max_output_tokens":64,"tools":[{"type":"function","name":"f"}],"tool_choice":"required",
    "parallel_tool_calls":false,"reasoning":{"effort":"low","summary":null},
    "text":{"verbosity":"low","format":{"type":"text"}},"user":"u","safety_identifier":"s",
    "service_tier":"priority"})");
  for (const auto& [name, value] : expected.items()) EXPECT_EQ(whole[name], value) << name;
  EXPECT_EQ(whole["store"], false) << "nothing is stored by a translation";
  EXPECT_EQ(whole["truncation"], "disabled") << "nor cut";
  EXPECT_TRUE(whole["previous_response_id"].is_null());
  EXPECT_FALSE(whole.contains("unknown"));

  StreamHead head{.id = "1", .created_unix_s = 1700000000, .model = "m", .request = request};
  const auto writer = responses().write_stream(head);
  std::string out;
  writer->start(out);
  writer->write(text_delta(answer.text), out);
  writer->end({.finish = core::Finish::kStop, .usage = kUsage, .service_tier = "priority"}, out);
  ResponseEvents events;
  EXPECT_EQ(events.check(out), "");
  EXPECT_EQ(events.response(), whole) << "a stream's last response is the same";
  EXPECT_EQ(json::parse(events_of(out).front().data)["response"]["instructions"], "be brief") << "and so is its first";
}

TEST(ResponsesEncode, WritesThoughtsRefusalsAndCallsAsItems) {
  core::Answer answer = sample();
  answer.text.clear();
  answer.refusal = "no";
  core::PartDetail own;
  own.id = "rs_own";
  own.encrypted = "gAAA";
  answer.reasoning = {{core::PartKind::kReasoning, "hm", std::make_shared<const core::PartDetail>(own)},
                      {core::PartKind::kReasoning, "so", nullptr}};
  answer.tool_calls = {{"c1", "f", "{\"a\":1}"}, {"", "g", ""}, {"c1", "h", "{}"}};
  answer.finish = core::Finish::kToolCalls;
  EXPECT_EQ(json::parse(responses().encode_answer(answer))["output"], json::parse(R"([
    {"id":"rs_own","type":"reasoning","summary":[{"type":"summary_text","text":"hm"}],"encrypted_content":"gAAA"},
    {"id":"rs_1_1","type":"reasoning","summary":[{"type":"summary_text","text":"so"}]},
    {"id":"msg_1_2","type":"message","status":"completed","role":"assistant",
     "content":[{"type":"refusal","refusal":"no"}]},
    {"id":"fc_1_3","type":"function_call","status":"completed","call_id":"c1","name":"f","arguments":"{\"a\":1}"},
    {"id":"fc_1_4","type":"function_call","status":"completed","call_id":"call_1_4","name":"g","arguments":""},
    {"id":"fc_1_5","type":"function_call","status":"completed","call_id":"call_1_5","name":"h","arguments":"{}"}])"))
      << "identifiers of calls are there and unique";
}

TEST(ResponsesEncode, SaysHowAnAnswerEnded) {
  struct Row {
    core::Finish finish;
    const char* status;
    json details;
  };
  const json length = {{"reason", "max_output_tokens"}};
  const std::vector<Row> table{{core::Finish::kStop, "completed", nullptr},
                               {core::Finish::kToolCalls, "completed", nullptr},
                               {core::Finish::kUnknown, "completed", nullptr},
                               {core::Finish::kLength, "incomplete", length},
                               {core::Finish::kError, "incomplete", length},
                               {core::Finish::kCancelled, "incomplete", length},
                               {core::Finish::kContentFilter, "incomplete", {{"reason", "content_filter"}}}};
  for (const Row& row : table) {
    core::Answer answer = sample();
    answer.finish = row.finish;
    const json whole = json::parse(responses().encode_answer(answer));
    EXPECT_EQ(whole["status"], row.status);
    EXPECT_EQ(whole["incomplete_details"], row.details);
    EXPECT_EQ(whole["output"].back()["status"], row.status);
    ResponseEvents events;
    EXPECT_EQ(events.check(stream_of({text_delta(answer.text)}, row.finish)), "");
    EXPECT_EQ(events.response(), whole) << "streamed or not, the object is the same";
  }
}

TEST(ResponsesEncode, LeavesUnknownUsageOut) {
  core::Answer answer = sample();
  answer.usage.known = false;
  EXPECT_TRUE(json::parse(responses().encode_answer(answer))["usage"].is_null());
}

TEST(ResponsesEncode, StreamsATextWithAllItsEvents) {
  const std::string stream = stream_of({text_delta("He"), text_delta(""), text_delta("llo")});
  EXPECT_EQ(names_of(stream),
            (std::vector<std::string>{
                "response.created", "response.in_progress", "response.output_item.added", "response.content_part.added",
                "response.output_text.delta", "response.output_text.delta", "response.output_text.done",
                "response.content_part.done", "response.output_item.done", "response.completed"}));
  const auto data = frames_of(stream);
  EXPECT_EQ(json::parse(data[2]), json::parse(R"({"type":"response.output_item.added","sequence_number":2,
      "output_index":0,"item":{"id":"msg_1_0","type":"message","status":"in_progress",
      "role":"assistant","content":[]}})"));
  EXPECT_EQ(json::parse(data[4]), json::parse(R"({"type":"response.output_text.delta","sequence_number":4,
      "item_id":"msg_1_0","output_index":0,"content_index":0,"delta":"He","logprobs":[]})"));
  EXPECT_EQ(json::parse(data[6]), json::parse(R"({"type":"response.output_text.done","sequence_number":6,
      "item_id":"msg_1_0","output_index":0,"content_index":0,"text":"Hello","logprobs":[]})"));
  EXPECT_EQ(stream.find("[DONE]"), std::string::npos);
}

TEST(ResponsesEncode, StreamsCallsWhosePiecesInterleave) {
  const std::string stream = stream_of({text_delta("I look"), call_delta(0, "c1", "f"), arguments_delta(0, "{\"a\""),
                                        call_delta(1, "c2", "g"), arguments_delta(1, "{}"), arguments_delta(0, ":1}")},
                                       core::Finish::kToolCalls);
  ResponseEvents events;
  ASSERT_EQ(events.check(stream), "");
  const json output = events.response()["output"];
  ASSERT_EQ(output.size(), 3U);
  EXPECT_EQ(output[1]["arguments"], R"({"a":1})");
  EXPECT_EQ(output[2]["arguments"], "{}");
  EXPECT_EQ(events.response()["status"], "completed");
  const ReadStream back = read_whole_stream(responses(), stream);
  ASSERT_EQ(back.answer.tool_calls.size(), 2U);
  EXPECT_EQ(back.answer.tool_calls[0].arguments, R"({"a":1})");
  EXPECT_EQ(back.answer.finish, core::Finish::kToolCalls);
}

TEST(ResponsesEncode, HoldsArgumentsBackUntilTheirCallBegins) {
  ResponseEvents events;
  ASSERT_EQ(events.check(stream_of({arguments_delta(1, "{"), call_delta(1, "c", "f"), arguments_delta(1, "}"),
                                    arguments_delta(7, "lost")})),
            "");
  ASSERT_EQ(events.response()["output"].size(), 1U);
  EXPECT_EQ(events.response()["output"][0]["arguments"], "{}");
}

TEST(ResponsesEncode, AThoughtIsASummaryAndEndsWithItsProof) {
  const std::vector<core::Delta> deltas{piece(core::DeltaKind::kReasoning, "let me", "rs_a"),
                                        piece(core::DeltaKind::kReasoning, " see", "rs_a"),
                                        piece(core::DeltaKind::kReasoningEncrypted, "gAAA", "rs_a"),
                                        piece(core::DeltaKind::kReasoningEncrypted, "gBBB"),
                                        piece(core::DeltaKind::kReasoning, "signed"),
                                        piece(core::DeltaKind::kReasoningSignature, "sig"),
                                        text_delta("so")};
  const std::string stream = stream_of(deltas);
  ResponseEvents events;
  ASSERT_EQ(events.check(stream), "");
  const json output = events.response()["output"];
  ASSERT_EQ(output.size(), 4U);
  EXPECT_EQ(output[0], json::parse(R"({"id":"rs_a","type":"reasoning","encrypted_content":"gAAA",
                                       "summary":[{"type":"summary_text","text":"let me see"}]})"));
  EXPECT_EQ(output[1]["encrypted_content"], "thalamus-encrypted:gBBB") << "another protocol's keeps a mark";
  EXPECT_EQ(output[2]["encrypted_content"], "thalamus-signature:sig");
  // Another gateway of ours, or ourselves as a client, reads them as what they are.
  const ReadStream back = read_whole_stream(responses(), stream);
  ASSERT_EQ(back.deltas.size(), 7U);
  EXPECT_EQ(back.deltas[2].kind, core::DeltaKind::kReasoningEncrypted);
  EXPECT_EQ(back.deltas[2].id, "rs_a");
  EXPECT_EQ(back.deltas[3].text, "gBBB");
  EXPECT_EQ(back.deltas[3].id, "");
  EXPECT_EQ(back.deltas[4].kind, core::DeltaKind::kReasoning);
  EXPECT_EQ(back.deltas[5].kind, core::DeltaKind::kReasoningSignature);
  EXPECT_EQ(back.deltas[5].text, "sig");
}

TEST(ResponsesEncode, TextAndRefusalAreTwoPartsOfOneMessage) {
  ResponseEvents events;
  ASSERT_EQ(events.check(stream_of({text_delta("a"), piece(core::DeltaKind::kRefusal, "no"), text_delta("b")})), "");
  ASSERT_EQ(events.response()["output"].size(), 1U);
  EXPECT_EQ(events.response()["output"][0]["content"].size(), 3U);
}

TEST(ResponsesEncode, AnEmptyAnswerIsAnEmptyMessage) {
  ResponseEvents events;
  ASSERT_EQ(events.check(stream_of({})), "");
  core::Answer answer = sample();
  answer.text.clear();
  EXPECT_EQ(events.response(), json::parse(responses().encode_answer(answer)));
}

TEST(ResponsesEncode, MarksWhatWasCut) {
  ResponseEvents events;
  ASSERT_EQ(events.check(stream_of({call_delta(0, "c1", "f"), call_delta(1, "c2", "g"), arguments_delta(0, "{\"a")},
                                   core::Finish::kLength)),
            "");
  EXPECT_EQ(events.response()["output"][0]["status"], "incomplete");
  EXPECT_EQ(events.response()["output"][1]["status"], "incomplete");
  ResponseEvents later;
  ASSERT_EQ(later.check(stream_of({call_delta(0, "c1", "f"), arguments_delta(0, "{}"), text_delta("and")},
                                  core::Finish::kLength)),
            "");
  EXPECT_EQ(later.response()["output"][0]["status"], "completed");
  EXPECT_EQ(later.response()["output"][1]["status"], "incomplete");
}

TEST(ResponsesEncode, ARefusalThatWasSaidIsAWholeAnswer) {
  const std::string stream = stream_of({piece(core::DeltaKind::kRefusal, "no")}, core::Finish::kContentFilter);
  ResponseEvents events;
  ASSERT_EQ(events.check(stream), "");
  EXPECT_EQ(events.response()["status"], "completed");
  core::Answer answer = sample();
  answer.text.clear();
  answer.refusal = "no";
  answer.finish = core::Finish::kContentFilter;
  EXPECT_EQ(events.response(), json::parse(responses().encode_answer(answer)));
}

TEST(ResponsesEncode, TellsAFailureTwiceAndEndsTheResponse) {
  const auto writer =
      responses().write_stream({.id = "1", .created_unix_s = 1, .model = "m", .with_usage = false, .input_tokens = 0});
  std::string stream;
  writer->start(stream);
  writer->write(text_delta("He"), stream);
  writer->fail(Error{ErrorKind::kUpstream, "it broke", {}}, stream);
  ResponseEvents events;
  ASSERT_EQ(events.check(stream), "");
  const auto data = frames_of(stream);
  EXPECT_EQ(json::parse(data[data.size() - 2]), json::parse(R"({"type":"error","sequence_number":5,
      "code":"upstream_error","message":"it broke","param":null,
      "error":{"message":"it broke","type":"server_error","param":null,"code":"upstream_error"}})"));
  EXPECT_EQ(events.response()["error"], json::parse(R"({"code":"server_error","message":"it broke"})"));
  EXPECT_EQ(events.response()["output"][0]["status"], "incomplete");
  EXPECT_EQ(read_whole_stream(responses(), stream).failure, "it broke");
}

TEST(ResponsesEncode, WritesErrorsAsChatCompletionsDo) {
  const Error error{ErrorKind::kInfeasible, "too long", "body.messages"};
  const json body = json::parse(responses().encode_error(error));
  EXPECT_EQ(body["error"]["param"], "input") << "as the conversation is called here";
  EXPECT_EQ(body["error"]["code"], "context_length_exceeded");
  EXPECT_EQ(body["error"]["message"], "body.input: too long");
  EXPECT_EQ(responses().read_error(R"({"error":{"message":"m"}})"), "m");
  const auto events = events_of(responses().encode_stream_error(error));
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].event, "error");
  EXPECT_EQ(json::parse(events[0].data)["code"], "context_length_exceeded");
}

TEST(ResponsesEncode, HoldsTheGrammarWhateverOrderThePiecesHave) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    RandomAnswer random(seed);
    const auto deltas = random.deltas();
    const auto finish = static_cast<core::Finish>(random.rng().below(7));
    ResponseEvents events;
    ASSERT_EQ(events.check(stream_of(deltas, finish)), "") << "seed " << seed;
    std::string text, refusal;
    for (const json& item : events.response()["output"])
      for (const json& part : item.value("content", json::array()))
        (part["type"] == "refusal" ? refusal : text) += part.value("text", "") + part.value("refusal", "");
    std::string expected_text, expected_refusal;
    for (const core::Delta& delta : deltas) {
      if (delta.kind == core::DeltaKind::kText) expected_text += delta.text;
      if (delta.kind == core::DeltaKind::kRefusal) expected_refusal += delta.text;
    }
    EXPECT_EQ(text, expected_text) << "seed " << seed;
    EXPECT_EQ(refusal, expected_refusal) << "seed " << seed;
  }
}

void expect_same(const core::Answer& back, const core::Answer& answer, std::uint64_t seed) {
  EXPECT_EQ(back.text, answer.text) << "seed " << seed;
  EXPECT_EQ(back.refusal, answer.refusal) << "seed " << seed;
  // The protocol tells a refusal by its part alone.
  const bool refused = answer.finish == core::Finish::kContentFilter && !answer.refusal.empty();
  const core::Finish whole = answer.tool_calls.empty() ? core::Finish::kStop : core::Finish::kToolCalls;
  EXPECT_EQ(back.finish, refused ? whole : answer.finish) << "seed " << seed;
  EXPECT_EQ(back.usage, answer.usage) << "seed " << seed;
  ASSERT_EQ(back.tool_calls.size(), answer.tool_calls.size()) << "seed " << seed;
  for (std::size_t i = 0; i < back.tool_calls.size(); ++i) {
    EXPECT_EQ(back.tool_calls[i].id, answer.tool_calls[i].id) << "seed " << seed;
    EXPECT_EQ(back.tool_calls[i].arguments, answer.tool_calls[i].arguments) << "seed " << seed;
  }
}

TEST(ResponsesEncode, ReadsBackTheAnswersItWrites) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const core::Answer answer = RandomAnswer(seed).answer();
    const std::string body = responses().encode_answer(answer);
    const auto facts = responses().read_answer(body);
    ASSERT_TRUE(facts) << facts.error().text() << " seed " << seed;
    expect_same(facts->answer, answer, seed);
    ASSERT_EQ(facts->answer.reasoning.size(), answer.reasoning.size()) << "seed " << seed;
    for (std::size_t i = 0; i < answer.reasoning.size(); ++i) {
      const core::PartDetail& back = *facts->answer.reasoning[i].detail;
      const core::PartDetail& given = *answer.reasoning[i].detail;
      EXPECT_EQ(facts->answer.reasoning[i].text, answer.reasoning[i].text) << "seed " << seed;
      EXPECT_EQ(back.signature, given.signature) << "seed " << seed;
      EXPECT_EQ(back.encrypted, given.encrypted) << "seed " << seed;
      if (!given.encrypted.empty()) {
        EXPECT_EQ(back.id, given.id) << "seed " << seed;
      }
    }
  }
}

TEST(ResponsesEncode, ReadsBackTheStreamsItWrites) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const core::Answer answer = RandomAnswer(seed).answer();
    const ReadStream back = read_whole_stream(responses(), stream_of(deltas_of(answer), answer.finish, answer.usage));
    EXPECT_TRUE(back.finished && back.done) << "seed " << seed;
    expect_same(back.answer, answer, seed);
    std::size_t proofs = 0;
    for (const core::Delta& delta : back.deltas) {
      proofs +=
          delta.kind == core::DeltaKind::kReasoningSignature || delta.kind == core::DeltaKind::kReasoningEncrypted;
    }
    std::size_t expected = 0;
    for (const core::Part& part : answer.reasoning)
      expected += !part.detail->signature.empty() || !part.detail->encrypted.empty();
    EXPECT_EQ(proofs, expected) << "seed " << seed;
  }
}

}  // namespace
}  // namespace thalamus::wire
