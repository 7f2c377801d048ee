// NVML, as far as a run asks it: two GPUs, whose identities are sixteen times the letter a or b.
// SIMULATED_NVML_LACKS is the one thing that they can't say, if there is one.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NOT_SUPPORTED = 3, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7 };

typedef struct {
  unsigned version;
  unsigned long long total, reserved, free, used;
} Memory;

typedef struct {
  unsigned gpu, memory;
} Utilization;

typedef struct {
  unsigned pid;
  unsigned long long used;
  unsigned gpu_instance, compute_instance;
} Process;

typedef struct {
  char letter;
  unsigned long long used, own;
  unsigned busy, degrees, milliwatts;
} Gpu;

static Gpu gpus[] = {
    {'b', 5000000000ull, 1250000000ull, 70, 61, 251500},
    {'a', 3000000000ull, 750000000ull, 40, 48, 98250},
};

static int lacks(const char* what) {
  const char* lacking = getenv("SIMULATED_NVML_LACKS");
  return lacking != NULL && strcmp(lacking, what) == 0 ? NOT_SUPPORTED : 0;
}

int nvmlInit_v2(void) { return lacks("everything"); }
int nvmlShutdown(void) { return 0; }

int nvmlDeviceGetHandleByUUID(const char* identity, Gpu** gpu) {
  for (size_t i = 0; i < sizeof gpus / sizeof *gpus; ++i) {
    char byte[3], expected[41];
    snprintf(byte, sizeof byte, "%02x", gpus[i].letter);
    snprintf(expected, sizeof expected, "GPU-%s%s%s%s-%s%s-%s%s-%s%s-%s%s%s%s%s%s", byte, byte, byte, byte,
             byte, byte, byte, byte, byte, byte, byte, byte, byte, byte, byte, byte);
    if (strcmp(identity, expected) == 0) {
      *gpu = &gpus[i];
      return 0;
    }
  }
  return NOT_FOUND;
}

int nvmlDeviceGetMemoryInfo_v2(const Gpu* gpu, Memory* memory) {
  memory->used = gpu->used;
  return lacks("memory");
}

int nvmlDeviceGetUtilizationRates(const Gpu* gpu, Utilization* utilization) {
  utilization->gpu = gpu->busy;
  return lacks("utilization");
}

int nvmlDeviceGetTemperature(const Gpu* gpu, int sensor, unsigned* degrees) {
  *degrees = gpu->degrees;
  return sensor == 0 ? lacks("temperature") : NOT_SUPPORTED;
}

int nvmlDeviceGetPowerUsage(const Gpu* gpu, unsigned* milliwatts) {
  *milliwatts = gpu->milliwatts;
  return lacks("power");
}

// Another process, and this one.
int nvmlDeviceGetComputeRunningProcesses_v3(const Gpu* gpu, unsigned* count, Process* processes) {
  if (*count < 2) {
    *count = 2;
    return INSUFFICIENT_SIZE;
  }
  *count = 2;
  processes[0] = (Process){1, 2000000000ull, ~0u, ~0u};
  processes[1] = (Process){(unsigned)getpid(), gpu->own, ~0u, ~0u};
  return lacks("processes");
}
