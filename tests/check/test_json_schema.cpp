#include "tests/check/cases.h"

namespace thalamus::check {
namespace {

Expectation json(std::string schema, std::string value = {}) {
  Expectation expected;
  expected.checker = "json_schema";
  expected.schema = std::move(schema);
  expected.value = std::move(value);
  return expected;
}

const std::string kPerson = R"({"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"}},)"
                            R"("required":["name","age"],"additionalProperties":false})";

TEST(JsonSchema, FindsTheObjectInTheAnswer) {
  expect_grades(json(kPerson, R"({"name":"Ann","age":30})"),
                {{R"({"name":"Ann","age":30})", true},
                 {R"({"age": 30.0, "name": "Ann"})", true},
                 {"```json\n{\"name\":\"Ann\",\"age\":30}\n```", true},
                 {"```\n{\"name\":\"Ann\",\"age\":30}\n```\nThat is all.", true},
                 {"Here it is: {\"name\":\"Ann\",\"age\":30}. Done.", true},
                 {"  \n{\n  \"name\": \"Ann\",\n  \"age\": 30\n}\n", true},
                 {"The {name} is Ann: {\"name\":\"Ann\",\"age\":30}", true},
                 {"{\"name\":\"Ann\",\"age\":30}\n{\"name\":\"Ann\",\"age\":30}", true}});
}

TEST(JsonSchema, RefusesWhatDoesNotFit) {
  expect_grades(json(kPerson, R"({"name":"Ann","age":30})"),
                {{"", false},
                 {"Ann is 30", false},
                 {R"({"name":"Ann"})", false},
                 {R"({"name":"Ann","age":"30"})", false},
                 {R"({"name":"Ann","age":31})", false},
                 {R"({"name":"ann","age":30})", false},
                 {R"({"name":"Ann","age":30,"city":"Rome"})", false},
                 {R"([{"name":"Ann","age":30}])", false},
                 {R"({"name":"Ann","age":30)", false},
                 {R"({'name':'Ann','age':30})", false},
                 {R"({"name":"Ann","age":29,"age":30})", false},
                 {R"({"name":"Ann","age":29} {"name":"Ann","age":30})", false},
                 {"```json\n{\"name\":\"Ann\",\"age\":1}\n```\n```json\n{\"name\":\"Ann\",\"age\":30}\n```", false},
                 {std::string(5000, '['), false},
                 {std::string(5000, '{'), false}});
}

TEST(JsonSchema, ChecksEveryKeywordOfTheSubset) {
  expect_grades(
      json(R"({"type":["string","null"],"minLength":2,"maxLength":4,"pattern":"^[a-z]+$"})"),
      {{"\"abc\"", true}, {"null", true}, {"\"a\"", false}, {"\"abcde\"", false}, {"\"AB\"", false}, {"7", false}});
  expect_grades(json(R"({"type":"number","minimum":1,"maximum":5})"),
                {{"1", true}, {"4.5", true}, {"0", false}, {"6", false}, {"true", false}});
  expect_grades(
      json(R"({"type":"array","items":{"type":"integer"},"minItems":1,"maxItems":3,"uniqueItems":true})"),
      {{"[1,2]", true}, {"[]", false}, {"[1,2,3,4]", false}, {"[1,1]", false}, {"[1.5]", false}, {"[\"1\"]", false}});
  expect_grades(json(R"({"enum":["red",2]})"), {{"\"red\"", true}, {"2", true}, {"3", false}});
  expect_grades(json(R"({"const":{"a":1}})"), {{"{\"a\":1}", true}, {"{\"a\":2}", false}});
  expect_grades(json(R"({"anyOf":[{"type":"integer"},{"type":"string","maxLength":1}]})"),
                {{"3", true}, {"\"x\"", true}, {"\"xy\"", false}});
  expect_grades(json(R"({"type":"object","additionalProperties":{"type":"boolean"}})"),
                {{"{\"x\":true}", true}, {"{\"x\":1}", false}});
}

TEST(JsonSchema, ComparesWithoutASchema) {
  expect_grades(json("", "[1,2]"), {{"[1, 2]", true}, {"[2, 1]", false}, {"[1.0, 2.0]", true}});
}

TEST(JsonSchema, NamesAnUnsupportedKeywordAndWhereItIs) {
  expect_unusable(json(R"({"properties":{"x":{"oneOf":[]}}})"), "'oneOf' is not supported");
  expect_unusable(json(R"({"properties":{"x":{"oneOf":[]}}})"), "$.properties.x");
  expect_unusable(json(R"({"$ref":"#/x"})"), "'$ref'");
  expect_unusable(json(R"({"type":"text"})"), "'type' must be");
  expect_unusable(json(R"({"pattern":"("})"), "pattern");
  expect_unusable(json(R"({"minItems":-1})"), "'minItems' must be");
  expect_unusable(json("{"), "not JSON");
  expect_unusable(json("", "{"), "not JSON");
  expect_unusable(json(""), "needs a schema");
}

TEST(JsonSchema, TheNormalisedAnswerIsTheValueItself) {
  const auto graded = grade("Sure: {\"b\": 1, \"a\": [ 2 ]}", json("true"));
  ASSERT_TRUE(graded.has_value()) << graded.error().text();
  EXPECT_EQ(graded->normalised, R"({"a":[2],"b":1})");
}

}  // namespace
}  // namespace thalamus::check
