// SentenceModel on ONNX Runtime. The library (29 MB) is loaded when an encoder is opened and not before: a gateway that
// uses no encoder neither needs it nor pays for it, and its wide instructions stay out of our own baseline code, since
// it picks them itself at run time. Only its C interface is used, so no exception and no C++ library crosses the
// border.
#include "thalamus/feature/encoder_model.h"

#ifdef THALAMUS_HAVE_ONNXRUNTIME

#include <dlfcn.h>
#include <onnxruntime_c_api.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>

#include "thalamus/base/file.h"
#include "thalamus/math/kernels.h"

namespace thalamus::feature {
namespace {

constexpr const char* kLibrary =
    "onnxruntime-" THALAMUS_ONNXRUNTIME_VERSION "/lib/libonnxruntime.so." THALAMUS_ONNXRUNTIME_VERSION;
constexpr std::string_view kRemedy = "run tools/setup.sh --for encoder, or name the library with runtime=PATH";

/// Where the library may be, best first.
std::vector<std::string> library_names(const std::filesystem::path& runtime) {
  if (!runtime.empty()) return {runtime.string()};
  std::vector<std::string> names;
  if (const char* folder = std::getenv("THALAMUS_DEPS_DIR"); folder != nullptr && folder[0] == '/')
    names.push_back((std::filesystem::path(folder) / kLibrary).string());
  if (const auto cache = base::cache_folder()) names.push_back((*cache / "deps" / kLibrary).string());
  names.emplace_back("libonnxruntime.so.1");
  return names;
}

/// The library's table of functions. It stays loaded until the process ends: it cannot be unloaded safely.
Result<const OrtApi*> load_library(const std::filesystem::path& runtime) {
  void* library = nullptr;
  std::string why;
  for (const std::string& name : library_names(runtime)) {
    library = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library != nullptr) break;
    if (why.empty()) why = ::dlerror();
  }
  if (library == nullptr) return fail(ErrorKind::kEnvironment, "ONNX Runtime cannot be loaded ({}); {}", why, kRemedy);
  using GetBase = const OrtApiBase*(ORT_API_CALL*)();
  const auto get_base = reinterpret_cast<GetBase>(::dlsym(library, "OrtGetApiBase"));
  if (get_base == nullptr) return fail(ErrorKind::kEnvironment, "this is no ONNX Runtime library; {}", kRemedy);
  const OrtApi* api = get_base()->GetApi(ORT_API_VERSION);
  if (api == nullptr)
    return fail(ErrorKind::kEnvironment, "ONNX Runtime {} is older than interface {}; {}",
                get_base()->GetVersionString(), ORT_API_VERSION, kRemedy);
  return api;
}

/// One object of the library, given back by the function that the table has for it.
template <class T>
class Owned {
 public:
  using Release = void(ORT_API_CALL*)(T*);
  explicit Owned(Release release) noexcept : release_(release) {}
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  ~Owned() {
    if (object_ != nullptr) release_(object_);
  }
  [[nodiscard]] T** out() noexcept { return &object_; }
  [[nodiscard]] T* get() const noexcept { return object_; }

 private:
  T* object_ = nullptr;
  Release release_;
};

constexpr std::array<const char*, 3> kInputs{"input_ids", "attention_mask", "token_type_ids"};
constexpr std::array<const char*, 1> kOutputs{"last_hidden_state"};

class OnnxModel final : public SentenceModel {
 public:
  explicit OnnxModel(const OrtApi& api)
      : api_(api), environment_(api.ReleaseEnv), session_(api.ReleaseSession), memory_(api.ReleaseMemoryInfo) {}

  Status open(std::string_view model);
  [[nodiscard]] std::size_t dims() const noexcept override { return dims_; }
  [[nodiscard]] Status embed(std::span<const std::vector<std::uint32_t>> texts, std::span<float> out) const override;

 private:
  [[nodiscard]] Status check(OrtStatus* status, ErrorKind kind, const char* what) const {
    if (status == nullptr) return {};
    const std::string message = api_.GetErrorMessage(status);
    api_.ReleaseStatus(status);
    return fail(kind, "sentence encoder: cannot {}: {}", what, message);
  }
  [[nodiscard]] Status run(std::array<std::vector<std::int64_t>, 3>& inputs, std::array<std::int64_t, 2> shape,
                           Owned<OrtValue>& output) const;
  [[nodiscard]] Result<std::size_t> width_of(const OrtValue& value, std::array<std::int64_t, 2> shape) const;

  const OrtApi& api_;
  Owned<OrtEnv> environment_;
  Owned<OrtSession> session_;
  Owned<OrtMemoryInfo> memory_;
  std::size_t dims_ = 0;
};

Status OnnxModel::open(std::string_view model) {
  const auto set_up = [&](OrtStatus* status) { return check(status, ErrorKind::kEnvironment, "set up ONNX Runtime"); };
  CHECK_OK(set_up(api_.CreateEnv(ORT_LOGGING_LEVEL_ERROR, "thalamus", environment_.out())));
  CHECK_OK(set_up(api_.DisableTelemetryEvents(environment_.get())));
  CHECK_OK(set_up(api_.CreateCpuMemoryInfo(OrtDeviceAllocator, OrtMemTypeDefault, memory_.out())));
  Owned<OrtSessionOptions> options(api_.ReleaseSessionOptions);
  CHECK_OK(set_up(api_.CreateSessionOptions(options.out())));
  // Threads belong to the caller: a call runs where it is made, and its sums do not depend on a number of threads.
  CHECK_OK(set_up(api_.SetIntraOpNumThreads(options.get(), 1)));
  CHECK_OK(set_up(api_.SetInterOpNumThreads(options.get(), 1)));
  CHECK_OK(
      check(api_.CreateSessionFromArray(environment_.get(), model.data(), model.size(), options.get(), session_.out()),
            ErrorKind::kCorrupt, "read the model"));
  std::array<std::vector<std::int64_t>, 3> inputs{{{0}, {1}, {0}}};
  Owned<OrtValue> output(api_.ReleaseValue);
  if (const Status tried = run(inputs, {1, 1}, output); !tried)
    return fail(ErrorKind::kCorrupt, "{} (inputs wanted: {}, {}, {}; output: {})", tried.error().message, kInputs[0],
                kInputs[1], kInputs[2], kOutputs[0]);
  TRY(dims_, width_of(*output.get(), {1, 1}));
  return {};
}

Status OnnxModel::run(std::array<std::vector<std::int64_t>, 3>& inputs, std::array<std::int64_t, 2> shape,
                      Owned<OrtValue>& output) const {
  Owned<OrtValue> ids(api_.ReleaseValue);
  Owned<OrtValue> mask(api_.ReleaseValue);
  Owned<OrtValue> types(api_.ReleaseValue);
  const std::array<Owned<OrtValue>*, 3> owned{&ids, &mask, &types};
  std::array<const OrtValue*, 3> values{};
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    CHECK_OK(check(api_.CreateTensorWithDataAsOrtValue(
                       memory_.get(), inputs[i].data(), inputs[i].size() * sizeof(std::int64_t), shape.data(),
                       shape.size(), ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64, owned[i]->out()),
                   ErrorKind::kInternal, "make an input"));
    values[i] = owned[i]->get();
  }
  return check(api_.Run(session_.get(), nullptr, kInputs.data(), values.data(), values.size(), kOutputs.data(),
                        kOutputs.size(), output.out()),
               ErrorKind::kInternal, "run the model");
}

/// The last dimension of the output, whose first two are those of the input.
Result<std::size_t> OnnxModel::width_of(const OrtValue& value, std::array<std::int64_t, 2> shape) const {
  Owned<OrtTensorTypeAndShapeInfo> info(api_.ReleaseTensorTypeAndShapeInfo);
  CHECK_OK(check(api_.GetTensorTypeAndShape(&value, info.out()), ErrorKind::kCorrupt, "read the output's shape"));
  std::size_t count = 0;
  CHECK_OK(check(api_.GetDimensionsCount(info.get(), &count), ErrorKind::kCorrupt, "read the output's shape"));
  ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  CHECK_OK(check(api_.GetTensorElementType(info.get(), &type), ErrorKind::kCorrupt, "read the output's type"));
  std::array<std::int64_t, 3> found{};
  if (count == found.size())
    CHECK_OK(check(api_.GetDimensions(info.get(), found.data(), found.size()), ErrorKind::kCorrupt,
                   "read the output's shape"));
  const bool right = type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT && found[0] == shape[0] && found[1] == shape[1] &&
                     found[2] > 0 && (dims_ == 0 || found[2] == static_cast<std::int64_t>(dims_));
  if (!right)
    return fail(ErrorKind::kCorrupt, "sentence encoder: the output {} is not of the shape texts x tokens x numbers",
                kOutputs[0]);
  return static_cast<std::size_t>(found[2]);
}

Status OnnxModel::embed(std::span<const std::vector<std::uint32_t>> texts, std::span<float> out) const {
  std::size_t longest = 1;
  for (const auto& text : texts) longest = std::max(longest, text.size());
  std::array<std::vector<std::int64_t>, 3> inputs;
  for (auto& input : inputs) input.assign(texts.size() * longest, 0);
  for (std::size_t t = 0; t < texts.size(); ++t)
    for (std::size_t i = 0; i < texts[t].size(); ++i) {
      inputs[0][t * longest + i] = texts[t][i];
      inputs[1][t * longest + i] = 1;
    }
  const std::array<std::int64_t, 2> shape{static_cast<std::int64_t>(texts.size()), static_cast<std::int64_t>(longest)};
  Owned<OrtValue> output(api_.ReleaseValue);
  CHECK_OK(run(inputs, shape, output));
  TRY(const std::size_t width, width_of(*output.get(), shape));
  void* data = nullptr;
  CHECK_OK(check(api_.GetTensorMutableData(output.get(), &data), ErrorKind::kInternal, "read the output"));
  const std::span<const float> states(static_cast<const float*>(data), texts.size() * longest * width);
  std::fill(out.begin(), out.end(), 0.0F);
  for (std::size_t t = 0; t < texts.size(); ++t) {
    const auto sum = out.subspan(t * width, width);
    for (std::size_t i = 0; i < texts[t].size(); ++i)
      math::add_scaled(sum, 1.0F, states.subspan((t * longest + i) * width, width));
    math::normalize(sum);  // the mean's length does not matter
  }
  return {};
}

}  // namespace

std::string_view onnx_missing() noexcept { return {}; }

Result<std::unique_ptr<SentenceModel>> open_onnx_model(std::string_view model, const std::filesystem::path& runtime) {
  TRY(const OrtApi* api, load_library(runtime));
  auto opened = std::make_unique<OnnxModel>(*api);
  CHECK_OK(opened->open(model));
  return opened;
}

}  // namespace thalamus::feature

#else

namespace thalamus::feature {

std::string_view onnx_missing() noexcept {
  return "this build has no sentence encoder; run tools/setup.sh --for encoder, then configure and build again";
}

Result<std::unique_ptr<SentenceModel>> open_onnx_model(std::string_view, const std::filesystem::path&) {
  return fail(ErrorKind::kUnsupported, "{}", onnx_missing());
}

}  // namespace thalamus::feature

#endif
