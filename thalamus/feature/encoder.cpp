// The sentence encoder as a feature: MiniLM-L6-v2 (Wang et al., arXiv 2002.10957; trained as in Reimers and Gurevych,
// arXiv 1908.10084), the mean of the last hidden states over the text's pieces, unit length, 384 dimensions. Tens of
// milliseconds a text, about linear in its pieces: a class of its own, never a default. Fitted is only the mean vector,
// which stands in where a vector is not there and the caller must not wait. The network itself is no part of a
// snapshot; the hash of its bytes is, and another network is refused.
#include "thalamus/feature/encoder.h"

#include <algorithm>

#include "thalamus/base/rng.h"
#include "thalamus/feature/feature.h"

namespace thalamus::feature {
namespace {

constexpr std::uint64_t kSchema = 0x656e636f64657200ULL + 1;  // raised when the numbers are computed differently
constexpr std::size_t kDimsMax = 4096;
constexpr std::size_t kRowsForMean = 20'000;
constexpr std::size_t kRowsAtOnce = 1024;

struct EncoderOptions {
  std::int64_t tokens = 64;
  std::int64_t cache = 32768;
  std::int64_t threads = 0;
  std::string model;
  std::string vocabulary;
  std::string runtime;
  template <class Visitor>
  void fields(Visitor& visit) {
    using Whole = base::Range<std::int64_t>;
    visit("tokens", tokens, Whole{8, kEncoderTokensMax}, "pieces read of a text, its head and its tail");
    visit("cache", cache, Whole{64, 1 << 20}, "vectors remembered, about 800 bytes each");
    visit("threads", threads, Whole{0, 64}, "threads that encode training texts; 0: one a core");
    visit("model", model, base::Choices{}, "ONNX file (default: what tools/setup.sh --for encoder fetches)");
    visit("vocabulary", vocabulary, base::Choices{}, "its vocabulary, a piece a line (default: the same)");
    visit("runtime", runtime, base::Choices{}, "ONNX Runtime's shared library (default: the same)");
  }
  [[nodiscard]] EncoderFiles files() const { return {model, vocabulary, runtime}; }
  [[nodiscard]] EncoderLimits limits() const {
    return {static_cast<std::size_t>(tokens), static_cast<std::size_t>(cache)};
  }
};

class EncoderFeature final : public Feature {
 public:
  EncoderFeature(std::shared_ptr<const Encoder> encoder, EncoderOptions options, std::vector<float> mean)
      : encoder_(std::move(encoder)), options_(std::move(options)), mean_(std::move(mean)) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "encoder"; }
  [[nodiscard]] std::size_t dense_size() const noexcept override { return mean_.size(); }

  void transform(const Description& description, std::span<float> out) const noexcept override {
    if (out.size() < mean_.size()) return;
    const auto vector = out.first(mean_.size());
    if (encoder_->lookup(description.text_hash, vector)) return;
    if (description.patience == Patience::kCompute &&
        encoder_->encode_one(description.text, description.text_hash, vector))
      return;
    encoder_->count_stand_in();
    std::copy(mean_.begin(), mean_.end(), vector.begin());
  }

  [[nodiscard]] bool ready(const Description& description) const noexcept override {
    return encoder_->remembers(description.text_hash);
  }
  [[nodiscard]] bool request(const Description& description, std::function<void()>&& done) const override {
    std::call_once(started_, [&] { worker_ = std::make_unique<EncoderWorker>(encoder_); });
    return worker_->request(description.text, description.text_hash, std::move(done));
  }

  void save(base::ByteWriter& out) const override {
    out.put(encoder_->content());
    out.put(options_.tokens);
    out.put(options_.cache);
    for (const std::string* path : {&options_.model, &options_.vocabulary, &options_.runtime}) out.put_string(*path);
    out.put_array(mean_);
  }

 private:
  std::shared_ptr<const Encoder> encoder_;
  EncoderOptions options_;
  std::vector<float> mean_;
  mutable std::once_flag started_;  ///< the worker's thread exists only where somebody asks for it
  mutable std::unique_ptr<EncoderWorker> worker_;
};

/// Encodes the training texts, or an even sample of a bounded number, and returns their mean.
Result<std::vector<float>> mean_vector(const Encoder& encoder, const DescriptionSource& source, std::size_t threads) {
  const std::size_t dims = encoder.dims();
  std::vector<double> sum(dims, 0.0);
  const std::size_t rows = std::min(source.rows, kRowsForMean);
  std::vector<EncoderText> texts;
  std::vector<float> vectors;
  Description description;
  for (std::size_t begin = 0; begin < rows; begin += kRowsAtOnce) {
    const std::size_t end = std::min(rows, begin + kRowsAtOnce);
    texts.clear();
    for (std::size_t i = begin; i < end; ++i) {
      source.read(i * source.rows / rows, description);
      texts.push_back({description.text, description.text_hash});
    }
    vectors.resize(texts.size() * dims);
    CHECK_OK(encoder.encode(texts, threads, vectors));
    for (std::size_t i = 0; i < vectors.size(); ++i) sum[i % dims] += static_cast<double>(vectors[i]);
  }
  std::vector<float> mean(dims);
  for (std::size_t d = 0; d < dims; ++d)
    mean[d] = static_cast<float>(sum[d] / static_cast<double>(std::max<std::size_t>(1, rows)));
  return mean;
}

Result<std::unique_ptr<Feature>> fit_encoder(const DescriptionSource& source, const base::OptionMap& values,
                                             base::Rng&) {
  TRY(auto options, base::parse_options<EncoderOptions>(values));
  TRY(auto encoder, Encoder::open_shared(options.files(), options.limits()));
  const std::size_t threads = options.threads > 0 ? static_cast<std::size_t>(options.threads)
                                                  : std::max(1U, std::thread::hardware_concurrency());
  TRY(auto mean, mean_vector(*encoder, source, threads));
  return std::make_unique<EncoderFeature>(std::move(encoder), std::move(options), std::move(mean));
}

Result<std::unique_ptr<Feature>> load_encoder(base::ByteReader& in) {
  TRY(const auto content, in.get<std::uint64_t>());
  EncoderOptions options;
  TRY(options.tokens, in.get<std::int64_t>());
  TRY(options.cache, in.get<std::int64_t>());
  for (std::string* path : {&options.model, &options.vocabulary, &options.runtime}) {
    TRY(*path, in.get_string());
  }
  TRY(auto mean, in.get_array<float>());
  const bool in_bounds = options.tokens >= 8 && options.tokens <= static_cast<std::int64_t>(kEncoderTokensMax) &&
                         options.cache >= 64 && options.cache <= (1 << 20) && !mean.empty() && mean.size() <= kDimsMax;
  const bool bounded = std::all_of(mean.begin(), mean.end(), [](float x) { return x >= -1.0F && x <= 1.0F; });
  if (!in_bounds || !bounded)
    return fail(ErrorKind::kCorrupt,
                "feature encoder: its options or its mean vector are "
                "out of bounds");
  TRY(auto encoder, Encoder::open_shared(options.files(), options.limits()));
  if (encoder->content() != content || encoder->dims() != mean.size())
    return fail(ErrorKind::kUnsupported,
                "feature encoder: the snapshot was learned with another sentence encoder ({:016x}, here {:016x}); give "
                "that one's files, or train the snapshot anew",
                content, encoder->content());
  return std::make_unique<EncoderFeature>(std::move(encoder), std::move(options), std::move(mean));
}

}  // namespace

FeatureRecord encoder_record() {
  return {.name = "encoder",
          .help = onnx_missing().empty() ? "MiniLM sentence encoder, 384 numbers, by ONNX Runtime"
                                         : "MiniLM sentence encoder, 384 numbers, by ONNX Runtime; not built in: "
                                           "tools/setup.sh --for encoder, then "
                                           "configure again",
          .source = "arXiv:2002.10957",
          .latency_class_us = 10'000,
          .schema_hash = base::mix64(kSchema),
          .sparse = false,
          .reads = {},
          .options = &base::list_options<EncoderOptions>,
          .fit = &fit_encoder,
          .load = &load_encoder};
}

}  // namespace thalamus::feature
