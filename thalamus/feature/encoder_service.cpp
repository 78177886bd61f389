// The encoder without the feature: files, batches, threads.
#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>

#include "thalamus/base/file.h"
#include "thalamus/base/hash.h"
#include "thalamus/base/rng.h"
#include "thalamus/feature/encoder.h"

namespace thalamus::feature {
namespace {

constexpr std::uint64_t kModelBytesMax = 1ULL << 30;
constexpr std::uint64_t kVocabularyBytesMax = 64ULL << 20;
constexpr const char* kModelFile = "minilm-l6-v2-int8.onnx";
constexpr const char* kVocabularyFile = "minilm-l6-v2-vocabulary.txt";

/// The bytes of a file that set-up fetches, or of the user's own.
Result<std::string> read_part(const std::filesystem::path& given, const char* usual, std::string_view option,
                              std::uint64_t size_max) {
  std::filesystem::path path = given;
  if (path.empty()) {
    TRY(const auto cache, base::cache_folder());
    path = cache / "models" / usual;
  }
  auto bytes = base::read_file(path, size_max);
  if (!bytes && bytes.error().kind == ErrorKind::kNotFound)
    return fail(ErrorKind::kNotFound,
                "the sentence encoder's file {} is not there; run tools/setup.sh --for encoder, or name a file of your "
                "own with {}=PATH",
                path.string(), option);
  return bytes;
}

/// The encoder that was opened last, alive until the process ends and never destroyed: the library it runs on has
/// destructors of its own at the end.
struct Shared {
  std::mutex mutex;
  std::optional<std::pair<EncoderFiles, EncoderLimits>> key;
  std::shared_ptr<const Encoder> encoder;
};
Shared& shared_encoder() {
  static auto* const shared = new Shared;
  return *shared;
}

}  // namespace

Encoder::Encoder(WordPiece words, std::unique_ptr<SentenceModel> model, EncoderLimits limits, std::uint64_t content)
    : words_(std::move(words)),
      model_(std::move(model)),
      limits_(limits),
      content_(content),
      cache_(model_->dims(), limits.cache_entries) {}

Result<std::shared_ptr<const Encoder>> Encoder::open(const EncoderFiles& files, const EncoderLimits& limits) {
  if (!onnx_missing().empty()) return fail(ErrorKind::kUnsupported, "{}", onnx_missing());
  TRY(const auto model_bytes, read_part(files.model, kModelFile, "model", kModelBytesMax));
  TRY(auto vocabulary, read_part(files.vocabulary, kVocabularyFile, "vocabulary", kVocabularyBytesMax));
  const std::uint64_t content = base::hash64(vocabulary, base::hash64(model_bytes));
  TRY(auto words, WordPiece::load(std::move(vocabulary)));
  TRY(auto model, open_onnx_model(model_bytes, files.runtime));
  return std::make_shared<const Encoder>(std::move(words), std::move(model), limits, content);
}

Result<std::shared_ptr<const Encoder>> Encoder::open_shared(const EncoderFiles& files, const EncoderLimits& limits) {
  Shared& shared = shared_encoder();
  const std::lock_guard lock(shared.mutex);
  if (shared.encoder && shared.key == std::pair(files, limits)) return shared.encoder;
  TRY(shared.encoder, open(files, limits));
  shared.key = {files, limits};
  return shared.encoder;
}

bool Encoder::lookup(std::uint64_t hash, std::span<float> out) const noexcept {
  const bool found = cache_.get(hash, out);
  (found ? hits_ : misses_).fetch_add(1, std::memory_order_relaxed);
  return found;
}

Status Encoder::run(std::span<const EncoderText* const> batch, std::vector<float>& vectors) const {
  std::vector<std::vector<std::uint32_t>> ids(batch.size());
  for (std::size_t i = 0; i < batch.size(); ++i) words_.encode(batch[i]->text, limits_.tokens, ids[i]);
  vectors.resize(batch.size() * dims());
  CHECK_OK(model_->embed(ids, vectors));
  encoded_.fetch_add(batch.size(), std::memory_order_relaxed);
  batches_.fetch_add(1, std::memory_order_relaxed);
  for (std::size_t i = 0; i < batch.size(); ++i)
    cache_.put(batch[i]->hash, std::span(vectors).subspan(i * dims(), dims()));
  return {};
}

Status Encoder::encode(std::span<const EncoderText> texts, std::size_t threads, std::span<float> out) const {
  std::vector<std::uint32_t> missing;
  for (std::size_t i = 0; i < texts.size(); ++i)
    if (!lookup(texts[i].hash, out.subspan(i * dims(), dims()))) missing.push_back(static_cast<std::uint32_t>(i));
  // Texts of like length share a batch, so that little of it is padding.
  const auto shorter = [&](std::uint32_t a, std::uint32_t b) {
    return std::pair(texts[a].text.size(), a) < std::pair(texts[b].text.size(), b);
  };
  std::sort(missing.begin(), missing.end(), shorter);
  const std::size_t batches = (missing.size() + kEncoderBatch - 1) / kEncoderBatch;
  std::atomic<std::size_t> next{0};
  std::mutex failed_mutex;
  Status failed;
  const auto work = [&] {
    std::vector<const EncoderText*> batch;
    std::vector<float> vectors;
    for (std::size_t b = next.fetch_add(1); b < batches; b = next.fetch_add(1)) {
      const std::size_t begin = b * kEncoderBatch;
      const std::size_t end = std::min(missing.size(), begin + kEncoderBatch);
      batch.clear();
      for (std::size_t i = begin; i < end; ++i) batch.push_back(&texts[missing[i]]);
      if (Status done = run(batch, vectors); !done) {
        const std::lock_guard lock(failed_mutex);
        failed = std::move(done);
        next.store(batches);
        return;
      }
      for (std::size_t i = begin; i < end; ++i)
        std::copy_n(vectors.begin() + static_cast<std::ptrdiff_t>((i - begin) * dims()), dims(),
                    out.begin() + static_cast<std::ptrdiff_t>(missing[i] * dims()));
    }
  };
  std::vector<std::thread> others;
  for (std::size_t t = 1; t < std::min(threads, batches); ++t) others.emplace_back(work);
  work();
  for (std::thread& other : others) other.join();
  return failed;
}

Status Encoder::encode_one(std::string_view text, std::uint64_t hash, std::span<float> out) const {
  const EncoderText one{std::string(text), hash};
  const EncoderText* const batch = &one;
  std::vector<float> vectors;
  CHECK_OK(run({&batch, 1}, vectors));
  std::copy(vectors.begin(), vectors.end(), out.begin());
  return {};
}

Status Encoder::encode_pieces(std::span<const std::uint32_t> pieces, std::span<float> out) const {
  std::vector<std::vector<std::uint32_t>> ids;
  ids.reserve(pieces.size());
  for (const std::uint32_t piece : pieces) ids.push_back({words_.begin_mark(), piece, words_.end_mark()});
  return model_->embed(ids, out);
}

EncoderCounts Encoder::counts() const noexcept {
  return {hits_.load(), misses_.load(), encoded_.load(), batches_.load(), stand_ins_.load()};
}

EncoderWorker::EncoderWorker(std::shared_ptr<const Encoder> encoder)
    : encoder_(std::move(encoder)), thread_([this] { run(); }) {}

EncoderWorker::~EncoderWorker() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
  for (Waiting& waiting : queue_) waiting.done();
}

bool EncoderWorker::request(std::string_view text, std::uint64_t hash, std::function<void()> done) {
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= kEncoderQueueMax) return false;
    queue_.push_back({{std::string(text), hash}, std::move(done)});
  }
  wake_.notify_one();
  return true;
}

void EncoderWorker::run() {
  std::vector<EncoderText> texts;
  std::vector<std::function<void()>> done;
  std::vector<float> vectors;
  for (;;) {
    texts.clear();
    done.clear();
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      while (!queue_.empty() && texts.size() < kEncoderBatch) {
        Waiting& first = queue_.front();
        const bool twice = std::any_of(texts.begin(), texts.end(),
                                       [&](const EncoderText& other) { return other.hash == first.text.hash; });
        if (!twice) texts.push_back(std::move(first.text));
        done.push_back(std::move(first.done));
        queue_.pop_front();
      }
    }
    vectors.resize(texts.size() * encoder_->dims());
    // A text that cannot be encoded stays unknown: its caller goes on with the mean vector.
    const Status encoded = encoder_->encode(texts, 1, vectors);
    static_cast<void>(encoded);
    for (const auto& call : done) call();
  }
}

}  // namespace thalamus::feature
