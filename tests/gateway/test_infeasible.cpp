// A request that no target may answer gets advice that works: following it, the same decision finds a target.
#include "thalamus/gateway/infeasible.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "thalamus/route/decide.h"

namespace thalamus::gateway {
namespace {

using testing::HasSubstr;
using testing::Not;

std::shared_ptr<const Runtime> runtime_of(const std::string& models, const std::string& targets) {
  auto config = parse_config(fmt::format("version: 1\nproviders: {{ p: {{ base_url: 'http://p:80/v1' }} }}\nmodels:\n{}"
                                         "routes: [ {{ name: auto, targets: [{}] }} ]\n",
                                         models, targets),
                             "test.yaml");
  EXPECT_TRUE(config.has_value()) << (config ? "" : config.error().text());
  return Runtime::make(*std::move(config), 1, "/tmp").value();
}

std::string model(const std::string& name, const std::string& more) {
  return fmt::format("  - {{ name: {}, provider: p, id: {}, {} }}\n", name, name, more);
}

core::Plan plan_of(const RouteRuntime& route, const route::RequestNeeds& needs, const core::Contract& contract = {}) {
  core::Plan plan;
  route::plan_in_order(contract, route.targets, {}, needs, plan);
  return plan;
}

/// The message for a request that must find nobody.
std::string told(const RouteRuntime& route, const route::RequestNeeds& needs, const core::Contract& contract = {}) {
  const core::Plan plan = plan_of(route, needs, contract);
  EXPECT_TRUE(plan.empty());
  const Error error =
      infeasible_error(route, plan, needs.embeddings ? Asked::kVectors : Asked::kAnswer, needs.input_tokens);
  EXPECT_EQ(error.kind, ErrorKind::kInfeasible);
  EXPECT_THAT(error.message, Not(HasSubstr("nearest"))) << "that helps against estimates alone";
  return error.message;
}

TEST(Infeasible, SaysOfARouteOfEmbeddingModelsThatItCannotChat) {
  const auto runtime =
      runtime_of(model("e5", "abilities: { embeddings: true }") + model("bge", "abilities: { embeddings: true }") +
                     "  - { name: sums, tool: arithmetic }\n",
                 "e5, bge, sums");
  const RouteRuntime& route = *runtime->find_route("auto");
  const Error error = infeasible_error(route, plan_of(route, {}), Asked::kAnswer, 0);
  EXPECT_EQ(error.kind, ErrorKind::kInvalidInput);
  EXPECT_EQ(error.text(),
            "body.model: 'auto' has no target that can chat, only for embeddings (e5, bge); ask another route (GET "
            "/v1/models lists them), or POST /v1/embeddings");
}

TEST(Infeasible, SaysOfARouteOfChatModelsThatItGivesNoEmbeddings) {
  const auto runtime = runtime_of(model("chat", "context: 1000"), "chat");
  const RouteRuntime& route = *runtime->find_route("auto");
  const Error error = infeasible_error(route, plan_of(route, {.embeddings = true}), Asked::kVectors, 0);
  EXPECT_EQ(error.kind, ErrorKind::kInvalidInput);
  EXPECT_THAT(error.text(), HasSubstr("body.model: 'auto' has no target that gives embeddings"));
}

TEST(Infeasible, AdvisesWhatTheEasiestTargetNeeds) {
  const auto runtime =
      runtime_of(model("plain", "context: 1000, abilities: { tools: false, images: false, json_schema: false }") +
                     model("vectors", "abilities: { embeddings: true }") +
                     model("better", "context: 500, abilities: { tools: false, images: true }"),
                 "plain, vectors, better");
  const RouteRuntime& route = *runtime->find_route("auto");
  EXPECT_EQ(told(route, {.images = true, .tools = true}),
            "no target of 'auto' may answer this request; ruled out: plain (images, tools), better (tools). To have "
            "better answer, leave `tools` out, or ask another route (GET /v1/models lists them)");
  EXPECT_FALSE(plan_of(route, {.images = true}).empty()) << "as was advised";
  EXPECT_EQ(told(route, {.input_tokens = 900, .max_output = 200}),
            "no target of 'auto' may answer this request; ruled out: plain (context length), better (context length). "
            "To have plain answer, shorten it (about 900 tokens) or lower its limit of output tokens until both fit in "
            "1000 tokens, or ask another route (GET /v1/models lists them)");
  EXPECT_EQ(infeasible_error(route, plan_of(route, {.input_tokens = 2000}), Asked::kAnswer, 2000).where,
            "body.messages");
  EXPECT_FALSE(plan_of(route, {.input_tokens = 900, .max_output = 100}).empty());
}

TEST(Infeasible, SaysWhichListToChange) {
  const auto runtime = runtime_of(model("a", "tags: [fast]") + model("b", "tags: [good]"), "a, b");
  const RouteRuntime& route = *runtime->find_route("auto");
  core::Contract denied;
  denied.deny = {"fast", "good"};
  EXPECT_THAT(told(route, {}, denied),
              HasSubstr("ruled out: a (the deny list), b (the deny list). To have a answer, "
                        "take it and its tags off `deny` of the request, its key and the route"));
  core::Contract crossed;
  crossed.allow = {{"fast"}, {"good"}};
  EXPECT_THAT(told(route, {}, crossed), HasSubstr("name it or one of its tags in each `allow` of the request"));
}

TEST(Infeasible, NamesTheLimitsAndTheNearestWhereEstimatesAloneStandInTheWay) {
  const auto runtime = runtime_of(model("a", "context: 128") + model("b", "context: 100000"), "a, b");
  const RouteRuntime& route = *runtime->find_route("auto");
  core::Plan plan;
  plan.excluded[0] = core::Exclusion::kContext;
  plan.excluded[1] = core::Exclusion::kCost | core::Exclusion::kQuality;
  EXPECT_EQ(infeasible_error(route, plan, Asked::kAnswer, 0).message,
            "no target of 'auto' may answer this request; ruled out: a (context length), b (cost, quality). To have b "
            "answer, raise `max_cost_usd` and lower `min_quality`, or set `on_infeasible` to `nearest`");
}

TEST(Infeasible, NamesAFewOfManyTargets) {
  std::string models, targets;
  for (int i = 0; i < 30; ++i) {
    models += model(fmt::format("m{}", i), "abilities: { images: false }");
    targets += fmt::format("{}m{}", i == 0 ? "" : ", ", i);
  }
  const auto runtime = runtime_of(models, targets);
  EXPECT_THAT(told(*runtime->find_route("auto"), {.images = true}), HasSubstr("m7 (images), 22 more. To have m0"));
}

}  // namespace
}  // namespace thalamus::gateway
