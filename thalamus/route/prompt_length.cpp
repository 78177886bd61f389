// Baseline: quality by the length of the prompt alone. Training rows are cut into bins of equal mass by their bytes;
// each bin holds shrunk means; between bin centres the estimate is linear in the logarithm of the length. A learned
// router that does not beat this has learned length (methods/evaluation.md 9). O(bins + models).
#include <algorithm>
#include <cmath>

#include "thalamus/route/router.h"
#include "thalamus/route/table.h"

namespace thalamus::route {
namespace {

struct PromptLengthOptions {
  std::int64_t bins = 8;
  double shrinkage = 5;
  template <class Visitor>
  void fields(Visitor& visit) {
    visit("bins", bins, base::Range<std::int64_t>{1, 256}, "bins of equal mass");
    visit("shrinkage", shrinkage, base::Range<double>{0, 1e6}, "rows that the global mean counts for in each bin");
  }
};

class PromptLength final : public Router {
 public:
  PromptLength(std::vector<float> centers, ShrunkTable table)
      : centers_(std::move(centers)), table_(std::move(table)) {}

  void estimate(const FeatureView& request, Scratch&, std::span<float> quality,
                std::span<float> sd) const noexcept override {
    const double bytes = request.description == nullptr ? 0 : static_cast<double>(request.description->text_bytes);
    const auto at = static_cast<float>(std::log1p(bytes));
    const auto above =
        static_cast<std::size_t>(std::upper_bound(centers_.begin(), centers_.end(), at) - centers_.begin());
    const std::size_t high = std::min(above, centers_.size() - 1);
    const std::size_t low = above == 0 ? 0 : above - 1;
    const float width = centers_[high] - centers_[low];
    const float share = width > 0 ? (at - centers_[low]) / width : 0.0F;
    for (std::size_t m = 0; m < quality.size(); ++m) {
      const float a = table_.mean_row(low)[m];
      quality[m] = a + share * (table_.mean_row(high)[m] - a);
      sd[m] = std::max(table_.sd_row(low)[m], table_.sd_row(high)[m]);
    }
  }

  void save(base::ByteWriter& out) const override {
    out.put_array(centers_);
    table_.save(out);
  }

 private:
  std::vector<float> centers_;  ///< mean log length of each bin, ascending
  ShrunkTable table_;
};

Result<std::unique_ptr<Router>> fit_prompt_length(const TrainingSet& data, const base::OptionMap& values, base::Rng&) {
  TRY(const auto options, base::parse_options<PromptLengthOptions>(values));
  std::vector<float> lengths(data.rows);
  for (std::size_t row = 0; row < data.rows; ++row) lengths[row] = std::log1p(data.text_bytes[row]);
  std::vector<float> sorted = lengths;
  std::sort(sorted.begin(), sorted.end());
  std::vector<float> edges;  // the first length of each bin but the first; bins of equal lengths merge
  const auto bins = static_cast<std::size_t>(options.bins);
  for (std::size_t b = 1; b < bins; ++b) {
    const float edge = sorted[sorted.size() * b / bins];
    if (edge > sorted.front() && (edges.empty() || edge > edges.back())) edges.push_back(edge);
  }
  const auto bin_of = [&](std::size_t row) {
    return static_cast<std::size_t>(std::upper_bound(edges.begin(), edges.end(), lengths[row]) - edges.begin());
  };
  std::vector<double> sum(edges.size() + 1, 0.0);
  std::vector<double> count(edges.size() + 1, 0.0);
  for (std::size_t row = 0; row < data.rows; ++row) {
    sum[bin_of(row)] += static_cast<double>(lengths[row]);
    count[bin_of(row)] += 1;
  }
  std::vector<float> centers(sum.size());
  for (std::size_t b = 0; b < sum.size(); ++b) centers[b] = static_cast<float>(sum[b] / std::max(1.0, count[b]));
  auto table = ShrunkTable::fit(data, sum.size(), options.shrinkage, bin_of);
  return std::make_unique<PromptLength>(std::move(centers), std::move(table));
}

Result<std::unique_ptr<Router>> load_prompt_length(base::ByteReader& in, const Shape& shape) {
  TRY(auto centers, in.get_array<float>());
  const bool ordered =
      std::adjacent_find(centers.begin(), centers.end(), [](float a, float b) { return !(a < b); }) == centers.end();
  if (centers.empty() || centers.size() > 256 || !ordered || !std::isfinite(centers.front()) ||
      !std::isfinite(centers.back()))
    return fail(ErrorKind::kCorrupt, "prompt_length: expected 1 to 256 ascending bin centres");
  TRY(auto table, load_table(in, centers.size(), shape.models, "prompt_length"));
  return std::make_unique<PromptLength>(std::move(centers), std::move(table));
}

}  // namespace

MethodRecord prompt_length_method() {
  return {.name = "prompt_length",
          .help = "quality by the prompt's length alone (baseline)",
          .source = "",
          .latency_class_us = 1,
          .needs = {},
          .options = &base::list_options<PromptLengthOptions>,
          .fit = &fit_prompt_length,
          .load = &load_prompt_length};
}

}  // namespace thalamus::route
