// RAGRouter (arXiv 2505.23052), its CPU form: documents change who is good. quality(x, m) = sigmoid(a_m(x) +
// 1[documents]
// * b_m(u)) with a base head a (one hidden layer on the request's features) and a shift head b_m = w_m . relu(U u) on
// u = [e_q; e_d; e_q * e_d; cos(e_q, e_d); length of the documents; overlap], where e_q and e_d are hashed embeddings
// of the question and of what precedes it, weighted by inverse document frequency. Both heads are trained together by
// cross-entropy over requests with and without documents. O(hidden * (dimensions + models) + tokens).
// Simplified (CPU form): hashed words instead of sentence and cross encoders; all documents are one passage; no
// contrastive loss, which needs the same question recorded in both settings. A table without documents fits the base
// head alone, and documents then change nothing but the features. Choosing whether to retrieve at all takes two
// estimates, one with and one without the documents.
#include <algorithm>
#include <cmath>

#include "thalamus/math/dense_net.h"
#include "thalamus/math/kernels.h"
#include "thalamus/route/documents.h"
#include "thalamus/route/net_parts.h"
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

class RagrouterRouter final : public Router {
 public:
  RagrouterRouter(Heads heads, std::vector<float> sd) : heads_(std::move(heads)), sd_(std::move(sd)) {}

  void estimate(const FeatureView& request, Scratch& scratch, std::span<float> quality,
                std::span<float> sd) const noexcept override {
    const auto read = [&](std::span<float> u) {
      return request.description != nullptr && heads_.documents.of(*request.description, u);
    };
    heads_.apply(request.dense, read, std::span(scratch.work).first(heads_.work_size()), quality);
    std::copy(sd_.begin(), sd_.end(), sd.begin());
  }
  void prepare(Scratch& scratch) const override { grow_work(scratch, heads_.work_size()); }
  void save(base::ByteWriter& out) const override {
    heads_.base.save(out);
    out.put(heads_.has_shift);
    if (heads_.has_shift) {
      heads_.shift.save(out);
      heads_.documents.save(out);
    }
    out.put_array(sd_);
  }

 private:
  Heads heads_;
  std::vector<float> sd_;
};

/// Cross-entropy of both heads together. The shift head's parameters are the trainer's extra ones.
class BothHeadsLoss {
 public:
  /// `documents` is rows x kDocumentFeatures, of use where `has_documents`.
  BothHeadsLoss(const TrainingSet& set, math::DenseNet& shift, std::vector<float> documents,
                std::vector<bool> has_documents)
      : set_(set),
        shift_(shift),
        documents_(std::move(documents)),
        has_documents_(std::move(has_documents)),
        work_(shift.workspace_size()),
        deltas_(shift.workspace_size()) {}

  double operator()(const math::DenseBatch& batch) {
    const std::size_t models = set_.models.size();
    std::copy(batch.extra.begin(), batch.extra.end(), shift_.parameters().begin());
    double total = 0;
    for (std::size_t i = 0; i < batch.rows.size(); ++i) {
      const std::uint32_t row = batch.rows[i];
      const auto gradient = batch.gradients.subspan(i * models, models);
      const bool documents = has_documents_[row];
      const std::span<const float> u = documents ? document_row(row) : std::span<const float>{};
      const std::span<const float> shifts = documents ? shift_.forward(u, work_) : u;
      for (std::size_t m = 0; m < models; ++m) {
        if (!set_.recorded(row, m)) continue;
        const float logit = batch.outputs[i * models + m] + (documents ? shifts[m] : 0.0F);
        total +=
            math::logistic_loss(static_cast<double>(logit), static_cast<double>(set_.quality_of(row, m)), gradient[m]);
      }
      if (documents && batch.training) shift_.backward(u, work_, gradient, deltas_, batch.extra_gradient);
    }
    return total;
  }

 private:
  [[nodiscard]] std::span<const float> document_row(std::size_t row) const noexcept {
    return {documents_.data() + row * kDocumentFeatures, kDocumentFeatures};
  }
  const TrainingSet& set_;
  math::DenseNet& shift_;
  std::vector<float> documents_;
  std::vector<bool> has_documents_;
  std::vector<float> work_;
  std::vector<float> deltas_;
};

struct DocumentRows {
  std::vector<float> features;  ///< rows x kDocumentFeatures
  std::vector<bool> present;
  std::size_t count = 0;
};

DocumentRows read_documents(const TrainingSet& data, std::span<const std::uint32_t> rows,
                            const DocumentFeatures& documents) {
  DocumentRows result{std::vector<float>(rows.size() * kDocumentFeatures, 0.0F), std::vector<bool>(rows.size()), 0};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    result.present[i] =
        documents.of(data, rows[i], std::span(result.features).subspan(i * kDocumentFeatures, kDocumentFeatures));
    result.count += result.present[i] ? 1 : 0;
  }
  return result;
}

Result<std::unique_ptr<Router>> fit_ragrouter(const TrainingSet& data, const base::OptionMap& values, base::Rng& rng) {
  TRY(const auto options, base::parse_options<RagrouterOptions>(values));
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
  DocumentRows documents = read_documents(data, ordered.rows, heads.documents);
  heads.has_shift = documents.count >= kRowsWithDocumentsMin;
  if (!heads.has_shift) documents.present.assign(set.rows, false);
  const DocumentRows kept = documents;

  BothHeadsLoss both(set, heads.shift, std::move(documents.features), std::move(documents.present));
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
  const auto sd =
      residual_deviations(set, rows_to_judge(report, set.rows), static_cast<double>(options.hidden + 1),
                          [&](std::size_t row, std::span<float> quality) {
                            const auto read = [&](std::span<float> u) {
                              std::copy_n(kept.features.begin() + static_cast<std::ptrdiff_t>(row * kDocumentFeatures),
                                          u.size(), u.begin());
                              return static_cast<bool>(kept.present[row]);
                            };
                            heads.apply(set.dense_row(row), read, work, quality);
                          });
  heads.base.rearrange_outputs(ordered.place);
  heads.shift.rearrange_outputs(ordered.place);
  return std::make_unique<RagrouterRouter>(std::move(heads), placed(sd, ordered.place));
}

Result<std::unique_ptr<Router>> load_ragrouter(base::ByteReader& in, const Shape& shape) {
  Heads heads;
  TRY(heads.base, math::DenseNet::load(in, shape.dense_size, shape.models));
  TRY(const auto has_shift, in.get<std::uint8_t>());
  if (has_shift > 1) return fail(ErrorKind::kCorrupt, "ragrouter: a flag is {}", has_shift);
  heads.has_shift = has_shift == 1;
  if (heads.has_shift) {
    TRY(heads.shift, math::DenseNet::load(in, kDocumentFeatures, shape.models));
    TRY(heads.documents, DocumentFeatures::load(in, "ragrouter"));
  }
  TRY(auto sd, load_deviations(in, shape.models, "ragrouter"));
  return std::make_unique<RagrouterRouter>(std::move(heads), std::move(sd));
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
