// What libtorch asks of a device: which there are, which is the current one, its stream, its random
// numbers. All work is done when an operator returns, so that streams and events have nothing to do.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "counters.h"
#include "device.h"
#include "memory.h"

namespace simulated_cuda {
namespace {

constexpr c10::DeviceIndex MOST_DEVICES = 2;

thread_local c10::DeviceIndex current_device = 0;

c10::DeviceIndex number_of_devices() {
  static const int number = [] {
    const char* asked = std::getenv("SIMULATED_CUDA_DEVICES");
    const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
    // Which devices are visible is not simulated, but that none is.
    if (visible != nullptr && *visible == '\0') return 0;
    return asked == nullptr ? 1 : std::min(std::max(std::atoi(asked), 0), int{MOST_DEVICES});
  }();
  return static_cast<c10::DeviceIndex>(number);
}

c10::Device device_of(c10::DeviceIndex index) {
  TORCH_CHECK(index < number_of_devices(), "CUDA error: invalid device ordinal");
  return {c10::DeviceType::CUDA, index < 0 ? current_device : index};
}

struct Guard final : c10::impl::DeviceGuardImplInterface {
  c10::DeviceType type() const override { return c10::DeviceType::CUDA; }
  c10::Device getDevice() const override { return device_of(current_device); }
  c10::DeviceIndex deviceCount() const noexcept override { return number_of_devices(); }
  void setDevice(c10::Device device) const override { current_device = device_of(device.index()).index(); }
  void uncheckedSetDevice(c10::Device device) const noexcept override {
    if (device.index() >= 0) current_device = device.index();
  }
  c10::Device exchangeDevice(c10::Device device) const override {
    const c10::Device before = getDevice();
    setDevice(device);
    return before;
  }

  c10::Stream getStream(c10::Device device) const override {
    return c10::Stream(c10::Stream::DEFAULT, device_of(device.index()));
  }
  c10::Stream getDefaultStream(c10::Device device) const override { return getStream(device); }
  c10::Stream getStreamFromGlobalPool(c10::Device device, bool) const override { return getStream(device); }
  c10::Stream getNewStream(c10::Device device, int) const override { return getStream(device); }
  c10::Stream exchangeStream(c10::Stream stream) const override { return getStream(stream.device()); }
  bool queryStream(const c10::Stream&) const override { return true; }
  void synchronizeStream(const c10::Stream&) const override { count(Event::Synchronisation, "stream"); }
  void synchronizeDevice(c10::DeviceIndex) const override { count(Event::Synchronisation, "device"); }

  void record(void**, const c10::Stream&, c10::DeviceIndex, c10::EventFlag) const override {}
  void block(void*, const c10::Stream&) const override {}
  bool queryEvent(void*) const override { return true; }
  void synchronizeEvent(void*) const override { count(Event::Synchronisation, "event"); }
  double elapsedTime(void*, void*, c10::DeviceIndex) const override { return 0; }
};

// The generator of a device: its numbers are those of a CPU generator with another seed, so that a
// program that takes the device's numbers for the CPU's finds out.
struct DeviceGenerator final : c10::GeneratorImpl {
  explicit DeviceGenerator(c10::DeviceIndex index)
      : c10::GeneratorImpl({c10::DeviceType::CUDA, index}, c10::DispatchKeySet(c10::DispatchKey::CUDA)),
        host(at::detail::createCPUGenerator()) {
    DeviceGenerator::set_current_seed(c10::default_rng_seed_val);
  }
  void set_current_seed(uint64_t seed) override {
    seed_ = seed;
    host.set_current_seed(seed ^ 0x5EED0FDE);
  }
  uint64_t current_seed() const override { return seed_; }
  uint64_t seed() override {
    set_current_seed(c10::detail::getNonDeterministicRandom(false));
    return seed_;
  }
  void set_offset(uint64_t) override { TORCH_CHECK(false, "simulated CUDA: a generator has no offset"); }
  uint64_t get_offset() const override { return 0; }
  void set_state(const c10::TensorImpl& state) override { host.get<at::CPUGeneratorImpl>()->set_state(state); }
  c10::intrusive_ptr<c10::TensorImpl> get_state() const override {
    return host.get<at::CPUGeneratorImpl>()->get_state();
  }
  DeviceGenerator* clone_impl() const override {
    auto* copy = new DeviceGenerator(device().index());
    copy->seed_ = seed_;
    copy->host = host.clone();
    return copy;
  }

  at::Generator host;

 private:
  uint64_t seed_ = 0;
};

struct Hooks final : at::CUDAHooksInterface {
  // How libtorch's registry makes one.
  explicit Hooks(at::CUDAHooksArgs) {}

  void init() const override {}
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return number_of_devices() > 0; }
  bool hasCUDA() const override { return number_of_devices() > 0; }
  bool hasCUDART() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  int getNumGPUs() const override { return number_of_devices(); }
  c10::DeviceIndex deviceCount() const override { return number_of_devices(); }
  c10::DeviceIndex current_device() const override { return simulated_cuda::current_device; }
  c10::DeviceIndex getCurrentDevice() const override { return simulated_cuda::current_device; }
  void setCurrentDevice(c10::DeviceIndex index) const override {
    simulated_cuda::current_device = device_of(index).index();
  }
  c10::DeviceIndex exchangeDevice(c10::DeviceIndex index) const override {
    const auto before = simulated_cuda::current_device;
    setCurrentDevice(index);
    return before;
  }
  c10::DeviceIndex maybeExchangeDevice(c10::DeviceIndex index) const override { return exchangeDevice(index); }
  void deviceSynchronize(c10::DeviceIndex index) const override {
    device_of(index);
    count(Event::Synchronisation, "device");
  }
  at::Device getDeviceFromPtr(void* address) const override {
    TORCH_CHECK(is_device_address(address), "The specified pointer resides on host memory");
    return device_of(0);
  }
  bool isPinnedPtr(const void* address) const override { return is_pinned(address); }
  at::Allocator* getPinnedMemoryAllocator() const override { return pinned_allocator(); }
  at::Allocator* getCUDADeviceAllocator() const override { return device_allocator(); }
  const at::Generator& getDefaultGenerator(c10::DeviceIndex index) const override {
    return default_generator(device_of(index).index());
  }
  at::Generator getNewGenerator(c10::DeviceIndex index) const override {
    return at::make_generator<DeviceGenerator>(device_of(index).index());
  }
};

}  // namespace

const at::Generator& default_generator(c10::DeviceIndex index) {
  static auto* generators = new std::array<at::Generator, MOST_DEVICES>{
      at::make_generator<DeviceGenerator>(c10::DeviceIndex{0}),
      at::make_generator<DeviceGenerator>(c10::DeviceIndex{1})};
  return generators->at(static_cast<size_t>(index));
}

at::Generator host_generator(const at::Generator& generator) {
  return generator.get<DeviceGenerator>()->host;
}

C10_REGISTER_GUARD_IMPL(CUDA, Guard)

}  // namespace simulated_cuda

namespace at {
// Under the name by which libtorch looks for the hooks of its CUDA library.
C10_REGISTER_CLASS(CUDAHooksRegistry, CUDAHooks, simulated_cuda::Hooks)
}  // namespace at

namespace {
// As a static initialiser, before the program begins: libtorch asks once and keeps the answer.
const bool registered = [] {
  c10::SetAllocator(c10::DeviceType::CUDA, simulated_cuda::device_allocator());
  return true;
}();
}  // namespace
