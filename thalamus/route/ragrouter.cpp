// RAGRouter (arXiv 2505.23052), its CPU form: documents change who is good. With documents quality(x, m) =
// sigmoid(a_m(x) + b_m(u)), without sigmoid(a_m(x)): a base head a (one hidden layer on the request's features) and a
// shift head b_m = w_m . relu(U u) on u = [e_q; e_d; e_q * e_d; cos(e_q, e_d); length of the documents; overlap], where
// e_q and e_d are hashed embeddings of the question and of what precedes it, weighted by inverse document frequency.
// Both heads are trained together by cross-entropy and a contrastive loss over requests with and without documents.
// O(hidden * (dimensions + models) + tokens).
// The contrastive loss sets the cells (model, setting) of a question that answered right against those that answered
// wrong: other models, and the same model with other documents or none. It takes part where the table has questions in
// both settings: between models alone it lowers held-out quality (docs/quality.md). Latency rule: models sorted from
// the fastest, the first within theta of the best estimate; a router with theta above 0 gives preferences. Knob: theta.
// Simplified (CPU form): hashed words instead of sentence and cross encoders; all documents are one passage;
// similarities are 2 quality - 1 instead of cosines; the other settings of a question count as they were when last
// trained on. A table without documents fits the base head alone, and documents then change nothing but the features.
// Choosing whether to retrieve at all takes two estimates, one with and one without the documents.
#include <algorithm>
#include <cmath>

#include "thalamus/math/dense_net.h"
#include "thalamus/math/kernels.h"
#include "thalamus/route/documents.h"
#include "thalamus/route/net_parts.h"
#include "thalamus/route/ragrouter_loss.h"
#include "thalamus/route/ragrouter_rule.h"
#include "thalamus/route/router.h"

namespace thalamus::route {
namespace {

constexpr std::size_t kRowsMax = 20'000;
constexpr std::size_t kRowsWithDocumentsMin = 10;

struct RagrouterOptions {
  std::int64_t hidden = 64;
  std::int64_t shift_rank = 16;
  double rate = 1e-3;
  double weight_decay = 0.01;
  double input_noise = 0.2;
  std::int64_t epochs = 60;
  std::int64_t patience = 6;
  double contrast = 0.5;
  double temperature = 0.2;
  double theta = 0;
  std::string efficiency = "seconds";
  template <class Visitor>
  void fields(Visitor& visit) {
    using Whole = base::Range<std::int64_t>;
    visit("hidden", hidden, Whole{1, 1024}, "width of the base head's hidden layer");
    visit("shift_rank", shift_rank, Whole{1, 256}, "width of the shift head's hidden layer");
    visit("rate", rate, base::Range<double>{1e-6, 0.1}, "step size of Adam");
    visit("weight_decay", weight_decay, base::Range<double>{0, 10}, "decoupled, of the base head's weights");
    visit("input_noise", input_noise, base::Range<double>{0, 0.9}, "share of features dropped at each visit of a row");
    visit("epochs", epochs, Whole{1, 1000}, "passes over the rows at most");
    visit("patience", patience, Whole{1, 1000}, "passes without a better held-out loss before training stops");
    visit("contrast", contrast, base::Range<double>{0, 100},
          "weight of the contrastive loss against cross-entropy, where questions are recorded with and without "
          "documents; 0 leaves it out");
    visit("temperature", temperature, base::Range<double>{0.01, 100},
          "similarities, from -1 to 1, are divided by this in the contrastive loss");
    visit("theta", theta, base::Range<double>{0, 1},
          "the fastest model whose estimate is within this of the best is preferred; 0: the best");
    visit("efficiency", efficiency, base::Choices{{"seconds", "cost"}},
          "recorded mean by which theta finds the fastest model");
  }
};

/// Both heads and what they read of documents.
struct Heads {
  math::DenseNet base;
  bool has_shift = false;
  math::DenseNet shift;
  DocumentFeatures documents;

  [[nodiscard]] std::size_t work_size() const noexcept {
    return base.workspace_size() + (has_shift ? kDocumentFeatures + shift.workspace_size() : 0);
  }
  /// `read(u)` fills the document features, or says that there are no documents.
  template <class Read>
  void apply(std::span<const float> dense, Read&& read, std::span<float> work,
             std::span<float> quality) const noexcept {
    const auto logits = base.forward(dense, work);
    std::span<const float> shifts;
    if (has_shift) {
      const auto u = work.subspan(base.workspace_size(), kDocumentFeatures);
      if (read(u)) shifts = shift.forward(u, work.subspan(base.workspace_size() + kDocumentFeatures));
    }
    for (std::size_t m = 0; m < quality.size(); ++m) {
      const float logit = shifts.empty() ? logits[m] : logits[m] + shifts[m];
      quality[m] = static_cast<float>(math::sigmoid(static_cast<double>(logit)));
    }
  }
};

// What a saved router holds beside the base head.
constexpr std::uint8_t kHasShift = 1;
constexpr std::uint8_t kHasRule = 2;

/// The first of the fastest whose estimate is within theta of the best; theta 0: the best.
struct LatencyRule {
  double theta = 0;
  std::vector<std::uint32_t> fastest_first;

  [[nodiscard]] bool given() const noexcept { return theta > 0; }
  void save(base::ByteWriter& out) const {
    out.put(theta);
    out.put_array(fastest_first);
  }
  [[nodiscard]] static Result<LatencyRule> load(base::ByteReader& in, std::size_t models) {
    LatencyRule rule;
    TRY(rule.theta, in.get<double>());
    TRY(rule.fastest_first, in.get_array<std::uint32_t>());
    std::vector<std::uint32_t> sorted = rule.fastest_first;
    std::sort(sorted.begin(), sorted.end());
    bool sound = rule.theta > 0 && rule.theta <= 1 && sorted.size() == models;
    for (std::uint32_t m = 0; sound && m < models; ++m) sound = sorted[m] == m;
    if (!sound) return fail(ErrorKind::kCorrupt, "ragrouter: the latency rule does not order the {} models", models);
    return rule;
  }
};

class RagrouterRouter final : public Router {
 public:
  RagrouterRouter(Heads heads, std::vector<float> sd, LatencyRule rule)
      : heads_(std::move(heads)), sd_(std::move(sd)), rule_(std::move(rule)) {}

  [[nodiscard]] Output output() const noexcept override {
    return rule_.given() ? Output::kPreference : Output::kQuality;
  }

  void estimate(const FeatureView& request, Scratch& scratch, std::span<float> quality,
                std::span<float> sd) const noexcept override {
    const auto read = [&](std::span<float> u) {
      return request.description != nullptr && heads_.documents.of(*request.description, u);
    };
    heads_.apply(request.dense, read, std::span(scratch.work).first(heads_.work_size()), quality);
    std::copy(sd_.begin(), sd_.end(), sd.begin());
    if (rule_.given()) prefer_within(rule_.theta, rule_.fastest_first, quality);
  }
  void prepare(Scratch& scratch) const override { grow_work(scratch, heads_.work_size()); }
  void save(base::ByteWriter& out) const override {
    heads_.base.save(out);
    out.put(static_cast<std::uint8_t>((heads_.has_shift ? kHasShift : 0) | (rule_.given() ? kHasRule : 0)));
    if (heads_.has_shift) {
      heads_.shift.save(out);
      heads_.documents.save(out);
    }
    out.put_array(sd_);
    if (rule_.given()) rule_.save(out);
  }

 private:
  Heads heads_;
  std::vector<float> sd_;
  LatencyRule rule_;
};

/// Columns from the fastest, where theta asks for them.
Result<std::vector<std::uint32_t>> fastest_first(const TrainingSet& data, const RagrouterOptions& options) {
  const std::vector<float>& amounts = options.efficiency == "seconds" ? data.seconds : data.cost_usd;
  if (options.theta > 0 && std::none_of(amounts.begin(), amounts.end(), [](float v) { return std::isfinite(v); }))
    return fail(ErrorKind::kInvalidInput,
                "theta {}: the table records no {} to sort models by; record it, set efficiency={}, or leave theta out",
                options.theta, options.efficiency == "seconds" ? "latency_s" : "cost",
                options.efficiency == "seconds" ? "cost" : "seconds");
  return options.theta > 0 ? order_by_mean(amounts, data.models.size()) : std::vector<std::uint32_t>{};
}

Result<std::unique_ptr<Router>> fit_ragrouter(const TrainingSet& data, const base::OptionMap& values, base::Rng& rng) {
  TRY(const auto options, base::parse_options<RagrouterOptions>(values));
  TRY(auto order, fastest_first(data, options));
  const OrderedSet ordered = order_models(data, kRowsMax, rng);
  const TrainingSet& set = ordered.set;
  const std::size_t models = set.models.size();
  using math::Activation;
  const auto two_layers = [&](std::size_t inputs, std::int64_t hidden) {
    const std::vector<math::LayerPlan> plan{{static_cast<std::size_t>(hidden), Activation::kRelu},
                                            {models, Activation::kIdentity, math::Start::kZero}};
    return math::DenseNet::make(inputs, plan, rng);
  };
  Heads heads;
  heads.base = two_layers(set.dense_size, options.hidden);
  const ModelMeans means = model_means(set);
  for (std::size_t m = 0; m < models; ++m) heads.base.bias(1)[m] = static_cast<float>(safe_logit(means.mean[m]));
  heads.shift = two_layers(kDocumentFeatures, options.shift_rank);
  heads.documents = DocumentFeatures::fit(data, ordered.rows);
  DocumentRows documents = DocumentRows::read(data, ordered.rows, heads.documents);
  heads.has_shift = documents.count >= kRowsWithDocumentsMin;
  if (!heads.has_shift) documents.present.assign(set.rows, false);

  QuestionGroups questions = QuestionGroups::find(data, ordered.rows, documents.present);
  const double contrast = questions.compared > 0 ? options.contrast : 0;
  RagrouterLoss both(set, heads.shift, documents, std::move(questions), {contrast, options.temperature});
  const math::BatchLoss loss = [&](const math::DenseBatch& batch) { return both(batch); };
  std::vector<float> extra(heads.shift.parameters().begin(), heads.shift.parameters().end());
  const math::DenseTraining training{.rate = options.rate,
                                     .weight_decay = options.weight_decay,
                                     .input_noise = options.input_noise,
                                     .batch = batch_of(set.rows),
                                     .epochs_max = static_cast<std::size_t>(options.epochs),
                                     .patience = static_cast<std::size_t>(options.patience),
                                     .rows_max = kRowsMax};
  TRY(const auto report, math::train_dense(heads.base, set.dense, extra, loss, training, rng));
  std::copy(extra.begin(), extra.end(), heads.shift.parameters().begin());
  std::vector<float> work(heads.work_size());
  const auto sd = residual_deviations(set, rows_to_judge(report, set.rows), static_cast<double>(options.hidden + 1),
                                      [&](std::size_t row, std::span<float> quality) {
                                        const auto read = [&](std::span<float> u) {
                                          const auto known = documents.of(row);
                                          std::copy(known.begin(), known.end(), u.begin());
                                          return static_cast<bool>(documents.present[row]);
                                        };
                                        heads.apply(set.dense_row(row), read, work, quality);
                                      });
  heads.base.rearrange_outputs(ordered.place);
  heads.shift.rearrange_outputs(ordered.place);
  return std::make_unique<RagrouterRouter>(std::move(heads), placed(sd, ordered.place),
                                           LatencyRule{options.theta, std::move(order)});
}

Result<std::unique_ptr<Router>> load_ragrouter(base::ByteReader& in, const Shape& shape) {
  Heads heads;
  TRY(heads.base, math::DenseNet::load(in, shape.dense_size, shape.models));
  TRY(const auto parts, in.get<std::uint8_t>());
  if (parts > (kHasShift | kHasRule)) return fail(ErrorKind::kCorrupt, "ragrouter: a flag is {}", parts);
  heads.has_shift = (parts & kHasShift) != 0;
  if (heads.has_shift) {
    TRY(heads.shift, math::DenseNet::load(in, kDocumentFeatures, shape.models));
    TRY(heads.documents, DocumentFeatures::load(in, "ragrouter"));
  }
  TRY(auto sd, load_deviations(in, shape.models, "ragrouter"));
  LatencyRule rule;
  if ((parts & kHasRule) != 0) {
    TRY(rule, LatencyRule::load(in, shape.models));
  }
  return std::make_unique<RagrouterRouter>(std::move(heads), std::move(sd), std::move(rule));
}

}  // namespace

MethodRecord ragrouter_method() {
  return {.name = "ragrouter",
          .help = "a base estimate and a shift by the documents that precede the question",
          .source = "arXiv:2505.23052",
          .latency_class_us = 10,
          .needs = {.dense = true, .either = false, .tokens = false, .documents = true},
          .options = &base::list_options<RagrouterOptions>,
          .fit = &fit_ragrouter,
          .load = &load_ragrouter};
}

}  // namespace thalamus::route
