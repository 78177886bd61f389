// What `/metrics` and `/admin/status` say of keys and replicas.
#include "thalamus/gateway/endpoint_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "thalamus/gateway/upstream_target.h"

namespace thalamus::gateway {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kConfig = R"(version: 1
providers: { p: { base_url: "http://first:80/v1", replicas: ["http://second:80/v1"] } }
models: [ { name: a, provider: p, id: model-a, price: { input: 1, output: 1 } } ]
routes: [ { name: auto, targets: [a] } ]
)";

std::string status_of(const Runtime& runtime, Nanoseconds now) {
  base::JsonWriter out;
  out.begin_object();
  write_endpoints(out, runtime, now);
  out.end_object();
  return out.take();
}

TEST(EndpointReport, LatencyIsThatOfTheLastCallAndNotToldBeforeOne) {
  const auto runtime = Runtime::make(parse_config(kConfig, "test.yaml").value(), 1, "/tmp").value();
  dispatch::EndpointSet& set = *runtime->upstreams()[0]->controls->endpoints;
  base::Rng rng(1);
  const Nanoseconds called = Nanoseconds::from_ms(1'000);
  EXPECT_THAT(endpoint_metrics(*runtime, called), HasSubstr("# TYPE thalamus_replica_latency_seconds gauge\n"));
  EXPECT_THAT(endpoint_metrics(*runtime, called), Not(HasSubstr("thalamus_replica_latency_seconds{")));
  EXPECT_THAT(status_of(*runtime, called), Not(HasSubstr("latency_s")));

  const auto choice = set.pick(called, rng, {}, set.at_replica(1));
  ASSERT_TRUE(choice.has_value());
  dispatch::EndpointEnd end;
  end.verdict = dispatch::EndpointVerdict::kGood;
  end.first_token = Nanoseconds::from_ms(250);
  end.duration = Nanoseconds::from_ms(500);
  set.finish(*choice, end, called, rng);
  for (const Nanoseconds later : {Nanoseconds{}, Nanoseconds::from_ms(3'600'000)}) {
    const std::string metrics = endpoint_metrics(*runtime, called + later);
    EXPECT_THAT(metrics, HasSubstr("thalamus_replica_latency_seconds{target=\"a\",replica=\"0\"} 0.25\n"));
    EXPECT_THAT(metrics, Not(HasSubstr("thalamus_replica_latency_seconds{target=\"a\",replica=\"1\"}")));
    EXPECT_THAT(metrics, HasSubstr("thalamus_replica_in_flight{target=\"a\",replica=\"1\"} 0\n"));
    EXPECT_THAT(status_of(*runtime, called + later), HasSubstr("\"latency_s\":0.25,"));
  }
}

}  // namespace
}  // namespace thalamus::gateway
