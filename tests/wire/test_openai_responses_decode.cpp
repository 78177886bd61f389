#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "random_json.h"
#include "thalamus/wire/format.h"

namespace thalamus::wire {
namespace {

using core::PartKind;
using core::Role;
using ::testing::ElementsAre;

const Format& responses() { return *find_format("responses"); }

Result<core::Request> decode(std::string_view body) { return responses().decode(body, DecodeLimits{}); }

std::string error_of(std::string_view body) {
  const auto request = decode(body);
  return request ? "" : request.error().text();
}

// A request with one more top-level member, or with one more item.
std::string with(std::string_view member) { return R"({"model":"auto","input":"hi",)" + std::string(member) + "}"; }
std::string with_item(std::string_view item) { return R"({"model":"auto","input":[)" + std::string(item) + "]}"; }

constexpr std::string_view kWholeRequest = R"({
    "mod\u0065l": "auto", "instructions": "Be brief.", "stream": true, "stream_options": {"include_obfuscation": false},
    "input": [
      {"role": "developer", "content": "a"},
      {"type": "message", "role": "user", "content": [
        {"type": "input_text", "text": "see\n"},
        {"type": "input_image", "image_url": "https://x/y.png", "detail": "low"},
        {"image_url": "data:image\/png;base64,AA\/B", "type": "input_image"},
        {"type": "input_image", "file_id": "file-7"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"},
        {"type": "input_file", "file_url": "https://x/a.pdf"},
        {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}},
        {"type": "hologram", "text": {"a": 1}}]},
      {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}, {"text": "so"}],
       "encrypted_content": "gAAA"},
      {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant",
       "content": [{"type": "output_text", "text": "I look", "annotations": []}, {"type": "refusal", "refusal": "no"}]},
      {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{\"a\":1}"},
      {"type": "function_call", "call_id": "c2", "name": "g", "arguments": ""},
      {"type": "function_call_output", "call_id": "c1", "output": "42"},
      {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "x"},
                                                                 {"type": "input_image", "image_url": "https://x/z"}]},
      {"type": "item_reference", "id": "msg_9"}, {"type": "web_search_call", "id": "ws_1", "status": "completed"},
      {"id": "msg_8"}, {"role": "assistant", "content": "done"}],
    "tools": [{"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}, "strict": true},
              {"type": "web_search", "name": "x", "parameters": {}}, {"type": "function", "name": "g"}],
    "tool_choice": {"type": "function", "name": "f"}, "parallel_tool_calls": false,
    "reasoning": {"effort": "low", "summary": null},
    "text": {"format": {"type": "json_schema", "name": "n", "schema": { "type":"object" }, "strict": true}},
    "max_output_tokens": 20, "temperature": 0.5, "top_p": 0.9, "include": ["reasoning.encrypted_content"],
    "metadata": {"task": "math", "other": "1"}, "safety_identifier": "u", "store": true, "truncation": "disabled",
    "previous_response_id": null, "background": false, "thalamus": {"max_cost_usd": 0.01}})";

TEST(ResponsesDecode, ReadsItemsOfEveryType) {
  const auto request = decode(kWholeRequest);
  ASSERT_TRUE(request) << request.error().text();
  const auto& messages = request->messages;
  ASSERT_EQ(messages.size(), 7U);
  EXPECT_EQ(messages[0].role, Role::kSystem);
  EXPECT_EQ(messages[0].parts[0].text, "Be brief.");
  EXPECT_EQ(messages[1].role, Role::kSystem);
  const auto& parts = messages[2].parts;
  ASSERT_EQ(parts.size(), 8U);
  EXPECT_EQ(parts[0].text, "see\n");
  EXPECT_EQ(parts[1].text, "https://x/y.png");
  EXPECT_EQ(parts[1].detail->fidelity, "low");
  EXPECT_EQ(parts[2].text, "image/png");
  EXPECT_EQ(parts[2].detail->data, "AA\\/B") << "as it is spelt in the body";
  EXPECT_EQ(parts[3].detail->file_id, "file-7");
  EXPECT_EQ(parts[4].detail->file_name, "a.pdf");
  EXPECT_EQ(parts[4].detail->data, "JVBE");
  EXPECT_EQ(parts[5].detail->url, "https://x/a.pdf");
  EXPECT_EQ(parts[6].kind, PartKind::kAudio);
  EXPECT_EQ(parts[6].detail->media_type, "audio/wav");
  EXPECT_EQ(parts[7].kind, PartKind::kOther);
  EXPECT_EQ(parts[7].detail->place, "input[1].content[7]");
  EXPECT_TRUE(request->has_images());
}

TEST(ResponsesDecode, JoinsWhatAnAssistantGaveInOneTurn) {
  const auto request = decode(kWholeRequest);
  ASSERT_TRUE(request) << request.error().text();
  const core::Message& turn = request->messages[3];
  EXPECT_EQ(turn.role, Role::kAssistant);
  ASSERT_EQ(turn.parts.size(), 3U);
  EXPECT_EQ(turn.parts[0].kind, PartKind::kReasoning);
  EXPECT_EQ(turn.parts[0].text, "hm\n\nso");
  EXPECT_EQ(turn.parts[0].detail->id, "rs_1");
  EXPECT_EQ(turn.parts[0].detail->encrypted, "gAAA");
  EXPECT_EQ(turn.parts[0].detail->place, "input[2]");
  EXPECT_EQ(turn.parts[1].text, "I look");
  EXPECT_EQ(turn.parts[2].kind, PartKind::kRefusal);
  ASSERT_EQ(turn.tool_calls.size(), 2U);
  EXPECT_EQ(turn.tool_calls[0].id, "c1");
  EXPECT_EQ(turn.tool_calls[0].arguments, "{\"a\":1}");
  EXPECT_EQ(turn.tool_calls[1].name, "g");
  EXPECT_EQ(request->messages[4].role, Role::kTool);
  EXPECT_EQ(request->messages[4].tool_call_id, "c1");
  EXPECT_EQ(request->messages[5].parts[1].kind, PartKind::kImage);
  // What is only a provider's own is kept with its place, in the turn that it stands in.
  const auto& others = request->messages[6].parts;
  ASSERT_EQ(others.size(), 4U);
  EXPECT_EQ(others[0].kind, PartKind::kOther);
  EXPECT_EQ(others[0].text, "item_reference");
  EXPECT_EQ(others[0].detail->place, "input[8]");
  EXPECT_EQ(others[1].text, "web_search_call");
  EXPECT_EQ(others[2].text, "item_reference") << "that is what an item with nothing but an identifier is";
  EXPECT_EQ(others[3].text, "done");
}

TEST(ResponsesDecode, SeparatesTurnsThatFollowEachOther) {
  const auto sizes = [](std::string_view items) {
    const auto request = decode(with_item(items));
    EXPECT_TRUE(request) << request.error().text();
    std::vector<std::size_t> out;
    for (const core::Message& message : request->messages)
      out.push_back(message.parts.size() * 10 + message.tool_calls.size());
    return out;
  };
  const std::string said = R"({"role":"assistant","content":"a"})";
  const std::string thought = R"({"type":"reasoning","summary":[],"encrypted_content":"e"})";
  const std::string call = R"({"type":"function_call","call_id":"c","name":"f","arguments":"{}"})";
  EXPECT_THAT(sizes(said + "," + said), ElementsAre(10, 10));
  EXPECT_THAT(sizes(said + "," + thought), ElementsAre(10, 10));
  EXPECT_THAT(sizes(thought + "," + thought + "," + said), ElementsAre(30));
  EXPECT_THAT(sizes(said + "," + call), ElementsAre(11));
  // Another protocol's assistant may not speak between calls and their results.
  EXPECT_THAT(sizes(call + "," + said + "," + thought + "," + call), ElementsAre(22));
  EXPECT_THAT(sizes(call + R"(,{"role":"user","content":"x"},)" + call), ElementsAre(1, 10, 1));
}

TEST(ResponsesDecode, ReadsToolsAndOptions) {
  const auto request = decode(kWholeRequest);
  ASSERT_TRUE(request) << request.error().text();
  ASSERT_EQ(request->tools.size(), 3U);
  EXPECT_EQ(request->tools[0].description, "d");
  EXPECT_EQ(request->tools[0].parameters, R"({"type": "object"})");
  EXPECT_TRUE(request->tools[0].strict);
  EXPECT_EQ(request->tools[1].name, "web_search");
  EXPECT_EQ(request->tools[1].hosted, R"({"type": "web_search", "name": "x", "parameters": {}})");
  EXPECT_EQ(request->tool_choice, core::ToolChoice::kNamed);
  EXPECT_EQ(request->tool_choice_name, "f");
  EXPECT_EQ(request->parallel_tool_calls, false);
  EXPECT_EQ(request->reasoning_effort, "low");
  EXPECT_EQ(request->response_format, core::ResponseFormat::kJsonSchema);
  EXPECT_EQ(request->response_schema, R"({ "type":"object" })");
  EXPECT_EQ(request->response_name, "n");
  EXPECT_TRUE(request->response_strict);
  EXPECT_EQ(request->max_output_tokens, 20U);
  EXPECT_EQ(request->temperature, 0.5);
  EXPECT_EQ(request->top_p, 0.9);
  EXPECT_EQ(request->task_hint, "math");
  EXPECT_EQ(request->user, "") << "it has another name of the user, which other protocols may know as well";
  EXPECT_EQ(request->contract.max_cost_usd, 0.01);
  EXPECT_TRUE(request->stream && request->include_usage);
  EXPECT_THAT(request->unread,
              ElementsAre("stream_options.include_obfuscation", "metadata", "safety_identifier", "store"))
      << "beside our hint is another member";
}

TEST(ResponsesDecode, TakesAStringForAMessageOfTheUser) {
  const auto request = decode(R"({"model":"m","input":"hi"})");
  ASSERT_TRUE(request) << request.error().text();
  ASSERT_EQ(request->messages.size(), 1U);
  EXPECT_EQ(request->messages[0].role, Role::kUser);
  EXPECT_EQ(request->last_user_text(), "hi");
  EXPECT_TRUE(request->include_usage) << "a stream of this protocol always says it";
}

TEST(ResponsesDecode, NamesWhatItDoesNotRead) {
  const auto request =
      decode(with(R"("reasoning":{"effort":"high","summary":"auto"},"text":{"verbosity":"low"},"truncation":"auto",
              "tool_choice":{"type":"allowed_tools","tools":[]},
              "include":["message.output_text.logprobs","file_search_call.results"],
              "max_tool_calls":3,"prompt_cache_key":"k","top_logprobs":null)"));
  ASSERT_TRUE(request) << request.error().text();
  EXPECT_THAT(request->unread, ElementsAre("reasoning.summary", "text.verbosity", "truncation", "tool_choice",
                                           "include[1]", "max_tool_calls", "prompt_cache_key"));
  EXPECT_EQ(request->logprobs, 0U);
  EXPECT_FALSE(request->tool_choice);
}

TEST(ResponsesDecode, TakesBackWhatItMarked) {
  const auto request = decode(with_item(
      R"({"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"hm"}],
          "encrypted_content":"thalamus-signature:sig"},
         {"type":"reasoning","id":"rs_2","summary":[],"encrypted_content":"thalamus-encrypted:data"},
         {"type":"reasoning","summary":[],"encrypted_content":"g",
          "content":[{"type":"reasoning_text","text":"raw"}]})"));
  ASSERT_TRUE(request) << request.error().text();
  const auto& parts = request->messages[0].parts;
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(parts[0].detail->signature, "sig");
  EXPECT_EQ(parts[0].detail->id, "") << "the identifier was ours";
  EXPECT_EQ(parts[1].detail->encrypted, "data");
  EXPECT_EQ(parts[1].detail->id, "");
  EXPECT_EQ(parts[2].text, "raw");
  EXPECT_NE(parts[2].detail->id, "") << "a provider's own thought is told from others by its identifier";
}

TEST(ResponsesDecode, RefusesWhatNeedsAStore) {
  const auto refused = [](std::string_view member) {
    const auto request = decode(with(member));
    EXPECT_FALSE(request);
    EXPECT_EQ(request.error().kind, ErrorKind::kUnsupported);
    return request.error().text();
  };
  EXPECT_EQ(refused(R"("previous_response_id":"resp_1")"),
            "body.previous_response_id: got \"resp_1\", but no answers are stored here; send the whole conversation as "
            "input");
  const auto unnamed = decode(R"({"model":"m","input":"x","previous_response_id":""})");
  ASSERT_FALSE(unnamed);
  EXPECT_EQ(unnamed.error().kind, ErrorKind::kInvalidInput);
  EXPECT_EQ(unnamed.error().text(),
            "body.previous_response_id: expected the id of a response, got an empty one; leave the member out to begin "
            "a conversation");
  EXPECT_EQ(refused(R"("conversation":{"id":"conv_1"})"),
            "body.conversation: no conversations are stored here; send the whole conversation as input");
  EXPECT_EQ(refused(R"("background":true)"),
            "body.background: no answers are stored here that could be fetched later; leave it out, or set stream");
  EXPECT_EQ(error_of(with(R"("store":true)")), "") << "legal, and without effect";
}

TEST(ResponsesDecode, NamesTheMemberTheValueAndWhatWasExpected) {
  const std::vector<std::pair<std::string, std::string>> table{
      {R"({"input":"x"})", "body.model: missing; name a route or a target, as GET /v1/models lists them"},
      {R"({"model":"a"})", "body.input: missing; give a string or a non-empty array of items"},
      {R"({"model":"a","input":[]})",
       "body.input: expected a string or a non-empty array of items, got []; give at least one message"},
      {R"({"model":"a","input":{}})", "body.input: expected a string or a non-empty array of items, got an object"},
      {with(R"("model":"b")"), "body.model: given twice; give it once"},
      {with(R"("mod\u0065l":"b")"), "body.model: given twice; give it once"},
      {with(R"("input":"b")"), "body.input: given twice; give it once"},
      {with(R"("instructions":[])"), "body.instructions: expected a string, got an array"},
      {with(R"("stream":1)"), "body.stream: expected true or false, got 1"},
      {with(R"("store":"yes")"), "body.store: expected true or false, got \"yes\""},
      {with(R"("temperature":3)"), "body.temperature: expected a number from 0 to 2, got 3"},
      {with(R"("top_p":-1)"), "body.top_p: expected a number from 0 to 1, got -1"},
      {with(R"("max_output_tokens":0)"), "body.max_output_tokens: expected a whole number from 1 to 4294967295, got 0"},
      {with(R"("tools":{})"), "body.tools: expected an array of tools, got an object"},
      {with(R"("tools":[{"name":"f"}])"),
       "body.tools[0].type: missing; expected function or a tool that the provider runs"},
      {with(R"("tools":[{"type":"function"}])"),
       R"(body.tools[0].name: missing; expected {"type":"function","name":...,"parameters":...})"},
      {with(R"("tools":[{"type":"function","name":"f","name":"g"}])"), "body.tools[0].name: given twice; give it once"},
      {with(R"("tool_choice":1)"), "body.tool_choice: expected a string or an object, got 1"},
      {with(R"("include":"x")"), "body.include: expected an array, got \"x\""},
      {with(R"("reasoning":"high")"), "body.reasoning: expected an object, got \"high\""},
      {with(R"("reasoning":{"effort":1})"), "body.reasoning.effort: expected a string, got 1"},
      {with(R"("reasoning":{"effort":"a","effort":"b"})"), "body.reasoning.effort: given twice; give it once"},
      {with(R"("text":{"format":{"type":"json_shema"}})"),
       "body.text.format.type: expected one of text, json_object, json_schema; got \"json_shema\", did you mean "
       "'json_schema'?"},
      {with(R"("text":{"format":{"type":"json_schema","schema":1}})"),
       "body.text.format.schema: expected an object, got 1"},
      {with(R"("metadata":{"task":1})"), "body.metadata.task: expected a string, got 1"},
      {with(R"("thalamus":3)"), "body.thalamus: expected an object, got 3"},
      {"[]", "body: expected a JSON object, got an array"},
      {"", "body: expected a JSON object, got an empty body"},
      {with("\"a\":1") + "x", "body: not valid JSON at byte 35: expected nothing after the value"}};
  for (const auto& [body, error] : table) EXPECT_EQ(error_of(body), error) << body;
}

TEST(ResponsesDecode, NamesTheItemThatIsWrong) {
  const std::vector<std::pair<std::string, std::string>> table{
      {"7", "body.input[0]: expected an object, got 7"},
      {R"({"text":"x"})",
       "body.input[0].type: missing; expected message, function_call, function_call_output, reasoning or a type the "
       "provider knows"},
      {R"({"type":1})", "body.input[0].type: expected a string, got 1"},
      {R"({"type":"message","content":"x"})",
       "body.input[0].role: missing; expected user, assistant, system or developer"},
      {R"({"role":"usr","content":"x"})",
       "body.input[0].role: expected one of user, assistant, system, developer; got \"usr\", did you mean 'user'?"},
      {R"({"role":"user"})", "body.input[0].content: missing; expected a string or an array of parts"},
      {R"({"role":"user","content":3})", "body.input[0].content: expected a string or an array of parts, got 3"},
      {R"({"role":"user","content":"a","content":"b"})", "body.input[0].content: given twice; give it once"},
      {R"({"role":"user","type":"message","type":"reasoning","content":"b"})",
       "body.input[0].type: given twice; give it once"},
      {R"({"role":"user","content":["x"]})", "body.input[0].content[0]: expected an object, got \"x\""},
      {R"({"role":"user","content":[{"text":"x"}]})",
       "body.input[0].content[0].type: missing; expected input_text, output_text, input_image, input_file, "
       "input_audio, refusal or a type the model knows"},
      {R"({"role":"user","content":[{"type":"input_text","text":5}]})",
       "body.input[0].content[0].text: expected a string, got 5"},
      {R"({"role":"user","content":[{"type":"input_text","text":"a","text":"b"}]})",
       "body.input[0].content[0].text: given twice; give it once"},
      {R"({"type":"function_call","call_id":"c","arguments":"{}"})",
       "body.input[0].name: expected the called function's name, got none"},
      {R"({"type":"function_call","name":"f","arguments":"{}"})",
       "body.input[0].call_id: expected the call's identifier, which its function_call_output repeats; got none"},
      {R"({"type":"function_call","name":"f","call_id":"c","arguments":{}})",
       "body.input[0].arguments: expected a string, got an object"},
      {R"({"type":"function_call_output","output":"x"})",
       "body.input[0].call_id: expected the identifier of the function_call that this is the output of, got none"},
      {R"({"type":"function_call_output","call_id":"c"})",
       "body.input[0].output: missing; expected a string or an array of parts"},
      {R"({"type":"reasoning","summary":"x"})", "body.input[0].summary: expected an array, got \"x\""},
      {R"({"type":"reasoning","summary":[{"text":1}]})", "body.input[0].summary[0].text: expected a string, got 1"}};
  for (const auto& [item, error] : table) EXPECT_EQ(error_of(with_item(item)), error) << item;
}

TEST(ResponsesDecode, HoldsItsLimits) {
  DecodeLimits limits;
  limits.messages_max = 1;
  auto request =
      responses().decode(with_item(R"({"role":"user","content":"x"},{"role":"user","content":"y"})"), limits);
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error().kind, ErrorKind::kTooLarge);
  EXPECT_EQ(request.error().text(), "body.input: more than 1 items; shorten the conversation");
  limits = {};
  limits.depth_max = 4;
  request = responses().decode(with(R"("a":[[[[1]]]])"), limits);
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error().kind, ErrorKind::kTooLarge);
  limits = {};
  limits.body_bytes_max = 10;
  EXPECT_EQ(responses().decode(with(R"("a":1)"), limits).error().kind, ErrorKind::kTooLarge);
}

TEST(ResponsesDecode, RefusesEveryPrefixAndSurvivesEveryDamagedByte) {
  const std::string body = R"({"model":"a","input":[{"role":"user","content":[{"type":"input_text","text":"x"}]},)"
                           R"({"type":"reasoning","summary":[{"text":"h"}]},{"type":"function_call","call_id":"c",)"
                           R"("name":"f","arguments":"{}"}],"text":{"format":{"type":"text"}},"thalamus":{}})";
  ASSERT_TRUE(decode(body)) << error_of(body);
  for (std::size_t n = 0; n < body.size(); ++n) {
    EXPECT_FALSE(decode(body.substr(0, n))) << n;
    for (const char byte : {'"', '{', ']', '\\', '\xff', '\0', '9'}) {
      std::string damaged = body;
      damaged[n] = byte;
      const auto request = decode(damaged);
      if (!request) {
        EXPECT_FALSE(request.error().message.empty());
      }
    }
  }
}

TEST(ResponsesForward, ReplacesTheModelTakesTheContractOutAndKeepsTheRest) {
  const auto forwarded = [](std::string_view body) {
    const auto out = responses().forward(body, ForwardEdits{.model = "m"});
    return out ? *out : out.error().text();
  };
  EXPECT_EQ(
      forwarded("{ \"input\" : [1.0e+05] ,\r\n\"thalamus\":{},\t\"mod\\u0065l\" :\t\"auto\" , \"stream\":true} \n"),
      "{ \"input\" : [1.0e+05] ,\r\n\t\"mod\\u0065l\" :\t\"m\" , \"stream\":true} \n");
  EXPECT_EQ(forwarded(R"({"model":"a","model":"b"})"), "body.model: given twice; give it once");
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    RandomJson random(seed);
    std::string before = "{" + random.space();
    before.append("\"x\":").append(random.value(3)).append(random.space()).append(",\"model\":");
    std::string after = random.space();
    after.append(",\"input\":").append(random.value(3)).append(random.space()).append("}");
    EXPECT_EQ(forwarded(before + random.value(2) + after), before + "\"m\"" + after) << "seed " << seed;
  }
}

}  // namespace
}  // namespace thalamus::wire
