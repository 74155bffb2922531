// Fake video devices for machines without any: a camera and v4l2loopback, behind the calls that programs make to V4L2.
//
//   gcc -shared -fPIC -o video_devices.so video_devices.c -ldl
//   FAKE_DEVICES=FOLDER LD_PRELOAD=./video_devices.so PROGRAM
//
// A file FOLDER/videoN is a device. The process also sees it as /dev/videoN, and FOLDER in place of /dev when it lists
// that. FOLDER/settings-videoN describes it, one "key value" per line:
//
//   kind camera | loopback | metadata    what it is; without settings, video9 is the loopback and every other one a
//                            camera. Cameras on USB have a second device, which gives no pictures but data about them
//   card NAME                the name of the device
//   sizes WxH,WxH            sizes that it offers; the one nearest to what is asked for is taken
//   rate N                   frames per second
//   mjpeg FILE               also offers Motion JPEG: the pictures of FILE, JPEGs one after another, over and over
//   fourcc CODE              offers this format in place of YUYV
//   clock realtime           stamps frames with the wall clock, as some old drivers do
//   exclusive no             a loopback that was loaded without exclusive_caps=1
//   taken yes                another program writes to the loopback
//   keeps WxH                another program shows the loopback, which therefore keeps this size
//   busy open | format | buffers      another program holds it: where the driver says EBUSY
//   denied yes               the user may not open it
//   unplug_after N           vanishes after N frames; deleting the file unplugs it too
//   stall_after N            sends no more frames after N
//
// The pictures of a camera show their number: sixteen bars across the upper half, white for 1, the highest bit on the left.
// What is written to a loopback is appended to FOLDER/videoN; FOLDER/format-videoN tells its size and format, "WxH CODE".
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MOST_DESCRIPTORS = 1024, MOST_BUFFERS = 8, MOST_SIZES = 8, BARS = 16, PAGE = 4096, WHITE = 235, BLACK = 16 };
static const int64_t SECOND_NS = 1000000000;

typedef struct {
  int width, height;
} Size;

typedef struct {
  int is_open, descriptor, is_loopback, is_busy_at_format, is_busy_at_buffers, is_realtime, is_shared, is_taken, is_metadata;
  Size kept;
  char path[512];
  ino_t inode;
  char card[32];
  Size sizes[MOST_SIZES], size;
  int size_count, rate;
  uint32_t own_fourcc, fourcc;
  unsigned char *jpegs;
  size_t jpegs_bytes, jpegs_position, frame_bytes;
  long unplug_after, stall_after;
  // Buffers by number: those the program gave for new frames, then those that hold one, each in order.
  int buffer_count, free_buffers[MOST_BUFFERS], free_count, is_streaming;
  struct v4l2_buffer done[MOST_BUFFERS];
  int done_count;
  int64_t started_ns;
  long taken, delivered, written;
} Device;

static Device devices[MOST_DESCRIPTORS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int fail(int error) {
  errno = error;
  return -1;
}

static int64_t now_ns(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec * SECOND_NS + now.tv_nsec;
}

static void sleep_until(int64_t until_ns) {
  struct timespec until = {until_ns / SECOND_NS, until_ns % SECOND_NS};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static Device *device_of(int descriptor) {
  int is_one = descriptor >= 0 && descriptor < MOST_DESCRIPTORS && devices[descriptor].is_open;
  return is_one ? &devices[descriptor] : NULL;
}

// ---- which file is a device ----

// Writes the path of the file behind a device's path; returns 0 if the path is none of a device.
static int find_device(const char *path, char *file, size_t bytes) {
  const char *folder = getenv("FAKE_DEVICES"), *name = path ? strrchr(path, '/') : NULL;
  int number, end = 0;
  if (!folder || !name || sscanf(name, "/video%d%n", &number, &end) != 1 || name[end]) return 0;
  size_t before = (size_t)(name - path);
  int is_listed = (before == 4 && !strncmp(path, "/dev", 4)) || (before == strlen(folder) && !strncmp(path, folder, before));
  if (is_listed) snprintf(file, bytes, "%s%s", folder, name);
  return is_listed;
}

static void read_jpegs(Device *device, const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) return;
  fseek(file, 0, SEEK_END);
  device->jpegs_bytes = (size_t)ftell(file);
  rewind(file);
  device->jpegs = malloc(device->jpegs_bytes);
  if (fread(device->jpegs, 1, device->jpegs_bytes, file) != device->jpegs_bytes) device->jpegs_bytes = 0;
  fclose(file);
}

// Reads the settings; returns the error that opening the device ends with, or 0.
static int read_settings(Device *device, const char *path) {
  char settings[600], key[32], value[512];
  const char *name = strrchr(path, '/') + 1;
  device->is_loopback = !strcmp(name, "video9");
  device->rate = 30;
  device->own_fourcc = V4L2_PIX_FMT_YUYV;
  device->unplug_after = device->stall_after = -1;
  strcpy(device->card, "Fake camera");
  snprintf(settings, sizeof settings, "%.*s/settings-%s", (int)(name - path - 1), path, name);
  FILE *file = fopen(settings, "r");
  int error = 0;
  while (file && fscanf(file, "%31s %511[^\n]", key, value) == 2) {
    if (!strcmp(key, "kind")) device->is_loopback = !strcmp(value, "loopback");
    if (!strcmp(key, "kind")) device->is_metadata = !strcmp(value, "metadata");
    if (!strcmp(key, "card")) snprintf(device->card, sizeof device->card, "%.31s", value);
    if (!strcmp(key, "rate")) device->rate = atoi(value);
    if (!strcmp(key, "mjpeg")) read_jpegs(device, value);
    if (!strcmp(key, "fourcc")) device->own_fourcc = v4l2_fourcc(value[0], value[1], value[2], value[3]);
    if (!strcmp(key, "clock")) device->is_realtime = !strcmp(value, "realtime");
    if (!strcmp(key, "exclusive")) device->is_shared = !strcmp(value, "no");
    if (!strcmp(key, "taken")) device->is_taken = 1;
    if (!strcmp(key, "keeps")) sscanf(value, "%dx%d", &device->kept.width, &device->kept.height);
    if (!strcmp(key, "denied")) error = EACCES;
    if (!strcmp(key, "busy") && !strcmp(value, "open")) error = EBUSY;
    if (!strcmp(key, "busy")) device->is_busy_at_format = !strcmp(value, "format");
    if (!strcmp(key, "busy")) device->is_busy_at_buffers = !strcmp(value, "buffers");
    if (!strcmp(key, "unplug_after")) device->unplug_after = atol(value);
    if (!strcmp(key, "stall_after")) device->stall_after = atol(value);
    if (!strcmp(key, "sizes"))
      for (char *size = strtok(value, ","); size && device->size_count < MOST_SIZES; size = strtok(NULL, ","))
        if (sscanf(size, "%dx%d", &device->sizes[device->size_count].width, &device->sizes[device->size_count].height) == 2)
          device->size_count++;
  }
  if (file) fclose(file);
  if (!device->size_count) device->sizes[device->size_count++] = (Size){320, 240};
  device->size = device->sizes[0];
  device->fourcc = device->own_fourcc;
  return error;
}

static int open_device(const char *path, int flags) {
  Device device = {.is_open = 1};
  struct stat status;
  int error = read_settings(&device, path);
  if (stat(path, &status)) return -1;
  if (error) return free(device.jpegs), fail(error);
  int descriptor = REAL(open)(path, (flags & ~(O_NONBLOCK | O_ACCMODE)) | O_RDWR);
  if (descriptor < 0 || descriptor >= MOST_DESCRIPTORS) return descriptor;
  device.inode = status.st_ino;
  device.descriptor = descriptor;
  snprintf(device.path, sizeof device.path, "%s", path);
  pthread_mutex_lock(&lock);
  devices[descriptor] = device;
  pthread_mutex_unlock(&lock);
  return descriptor;
}

static int opened(const char *path, int flags, mode_t mode) {
  char file[512];
  int is_device = find_device(path, file, sizeof file) && !(flags & O_CREAT);  // a test plugs one in
  return is_device ? open_device(file, flags) : REAL(open)(path, flags, mode);
}

#define MODE_OF(flags)                                     \
  mode_t mode = 0;                                         \
  if ((flags) & (O_CREAT | __O_TMPFILE)) {                 \
    va_list arguments;                                     \
    va_start(arguments, flags);                            \
    mode = va_arg(arguments, mode_t);                      \
    va_end(arguments);                                     \
  }

int open(const char *path, int flags, ...) {
  MODE_OF(flags)
  return opened(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  MODE_OF(flags)
  return opened(path, flags | O_LARGEFILE, mode);
}

DIR *opendir(const char *path) {
  const char *folder = getenv("FAKE_DEVICES");
  int is_dev = folder && (!strcmp(path, "/dev") || !strcmp(path, "/dev/"));
  return REAL(opendir)(is_dev ? folder : path);
}

int close(int descriptor) {
  pthread_mutex_lock(&lock);
  Device *device = device_of(descriptor);
  if (device) {
    free(device->jpegs);
    device->is_open = 0;
  }
  pthread_mutex_unlock(&lock);
  return REAL(close)(descriptor);
}

// ---- frames ----

static int is_unplugged(const Device *device) {
  struct stat status;
  long frames = device->is_loopback ? device->written : device->delivered;
  if (device->unplug_after >= 0 && frames >= device->unplug_after) return 1;
  return stat(device->path, &status) || status.st_ino != device->inode;
}

static int is_stalled(const Device *device) {
  return device->stall_after >= 0 && device->delivered >= device->stall_after;
}

static size_t stride_of(const Device *device) {
  return ((size_t)device->size.width * device->size.height * 2 + PAGE - 1) / PAGE * PAGE;
}

static void draw(const Device *device, long number, unsigned char *yuyv) {
  int width = device->size.width, height = device->size.height;
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) {
      int bit = BARS - 1 - x * BARS / width;
      int ramp = BLACK + (x + (int)number * 4) % (WHITE - BLACK);
      yuyv[2 * (y * width + x)] = (unsigned char)(y < height / 2 ? (number >> bit & 1 ? WHITE : BLACK) : ramp);
      yuyv[2 * (y * width + x) + 1] = 128;
    }
}

// Copies the next picture of the file of JPEGs; returns its size in bytes.
static size_t next_jpeg(Device *device, unsigned char *into) {
  const unsigned char *end = device->jpegs + device->jpegs_bytes, *start = device->jpegs + device->jpegs_position;
  const unsigned char *last = start < end ? memmem(start, (size_t)(end - start), "\xff\xd9", 2) : NULL;
  if (!last) return 0;
  size_t bytes = (size_t)(last + 2 - start), room = stride_of(device);
  memcpy(into, start, bytes < room ? bytes : room);
  device->jpegs_position = last + 2 < end ? device->jpegs_position + bytes : 0;
  return bytes < room ? bytes : room;
}

static int64_t time_of(const Device *device, long number) {
  return device->started_ns + (number + 1) * SECOND_NS / device->rate;
}

static void fill(Device *device, int index, long number) {
  size_t stride = stride_of(device), bytes = (size_t)device->size.width * device->size.height * 2;
  unsigned char *pixels = malloc(stride);
  if (device->fourcc == V4L2_PIX_FMT_MJPEG) bytes = next_jpeg(device, pixels);
  else draw(device, number, pixels);
  if (pwrite(device->descriptor, pixels, bytes, (off_t)(index * stride)) < 0) bytes = 0;
  free(pixels);
  int64_t taken_ns = time_of(device, number);
  if (device->is_realtime) taken_ns += now_ns(CLOCK_REALTIME) - now_ns(CLOCK_MONOTONIC);
  struct v4l2_buffer *buffer = &device->done[device->done_count++];
  *buffer = (struct v4l2_buffer){.index = (uint32_t)index, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
  buffer->bytesused = (uint32_t)bytes;
  buffer->length = (uint32_t)stride;
  buffer->m.offset = (uint32_t)(index * stride);
  buffer->field = V4L2_FIELD_NONE;
  buffer->flags = V4L2_BUF_FLAG_DONE | V4L2_BUF_FLAG_MAPPED | (device->is_realtime ? 0 : V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC);
  buffer->timestamp.tv_sec = taken_ns / SECOND_NS;
  buffer->timestamp.tv_usec = taken_ns % SECOND_NS / 1000;
  buffer->sequence = (uint32_t)number;
}

// Fills free buffers with the frames that were taken since the last call. As in a real driver, a frame for which no
// buffer is free is lost, and the older ones stay.
static void take_frames(Device *device) {
  if (!device->is_streaming) return;
  int64_t now = now_ns(CLOCK_MONOTONIC);
  for (; time_of(device, device->taken) <= now && !is_stalled(device); device->taken++) {
    if (!device->free_count) continue;
    int index = device->free_buffers[0];
    memmove(device->free_buffers, device->free_buffers + 1, sizeof(int) * (size_t)--device->free_count);
    fill(device, index, device->taken);
  }
}

// Waits for a frame until a time; returns 1 if there is one, or if asking for one ends with an error.
static int wait_for_frame(Device *device, int64_t until_ns) {
  for (;;) {
    pthread_mutex_lock(&lock);
    int is_over = is_unplugged(device);
    if (!is_over) take_frames(device);
    is_over |= device->done_count > 0;
    int64_t next = is_stalled(device) || !device->is_streaming ? INT64_MAX : time_of(device, device->taken);
    pthread_mutex_unlock(&lock);
    int64_t now = now_ns(CLOCK_MONOTONIC), soon = now + SECOND_NS / 50;
    if (is_over || now >= until_ns) return is_over;
    // Looks up now and then, because the device may be unplugged.
    sleep_until(next < until_ns && next < soon ? next : until_ns < soon ? until_ns : soon);
  }
}

static int dequeue(Device *device, struct v4l2_buffer *buffer) {
  wait_for_frame(device, INT64_MAX);
  pthread_mutex_lock(&lock);
  int is_gone = is_unplugged(device);
  if (!is_gone) {
    *buffer = device->done[0];
    memmove(device->done, device->done + 1, sizeof *buffer * (size_t)--device->done_count);
    device->delivered++;
  }
  pthread_mutex_unlock(&lock);
  return is_gone ? fail(ENODEV) : 0;
}

int poll(struct pollfd *entries, nfds_t count, int timeout_ms) {
  int descriptor = count == 1 && entries ? entries->fd : -1;
  Device *device = device_of(descriptor);
  if (!device || device->is_loopback) return REAL(poll)(entries, count, timeout_ms);
  int64_t until = timeout_ms < 0 ? INT64_MAX : now_ns(CLOCK_MONOTONIC) + timeout_ms * (SECOND_NS / 1000);
  int is_ready = wait_for_frame(device, until);
  entries[0].revents = (short)(!is_ready ? 0 : is_unplugged(device) ? POLLERR | POLLHUP : POLLIN);
  return is_ready;
}

ssize_t write(int descriptor, const void *bytes, size_t count) {
  Device *device = device_of(descriptor);
  if (device && is_unplugged(device)) return fail(ENODEV);
  if (device) device->written++;
  return REAL(write)(descriptor, bytes, count);
}

// ---- ioctl ----

static void choose_size(Device *device, const struct v4l2_pix_format *asked) {
  long nearest = -1;
  for (int i = 0; i < device->size_count; i++) {
    long off = labs((long)asked->width - device->sizes[i].width) + labs((long)asked->height - device->sizes[i].height);
    if (nearest < 0 || off < nearest) nearest = off, device->size = device->sizes[i];
  }
  int is_jpeg = asked->pixelformat == V4L2_PIX_FMT_MJPEG && device->jpegs;
  device->fourcc = is_jpeg ? V4L2_PIX_FMT_MJPEG : device->own_fourcc;
}

static void tell_format(const Device *device, struct v4l2_format *format) {
  struct v4l2_pix_format *pix = &format->fmt.pix;
  pix->width = (uint32_t)device->size.width;
  pix->height = (uint32_t)device->size.height;
  pix->pixelformat = device->fourcc;
  pix->field = V4L2_FIELD_NONE;
  pix->bytesperline = pix->width * 2;
  pix->sizeimage = (uint32_t)(device->size.width * device->size.height * 2);
  pix->colorspace = V4L2_COLORSPACE_SRGB;
}

// True if the device streams to another descriptor, of this process.
static int streams_elsewhere(const Device *device) {
  for (int i = 0; i < MOST_DESCRIPTORS; i++) {
    const Device *other = device_of(i);
    if (other && other != device && other->inode == device->inode && other->buffer_count) return 1;
  }
  return 0;
}

static int set_camera_format(Device *device, struct v4l2_format *format, int is_trial) {
  if (device->is_busy_at_format || streams_elsewhere(device)) return fail(EBUSY);
  Device trial = *device;
  choose_size(is_trial ? &trial : device, &format->fmt.pix);
  tell_format(is_trial ? &trial : device, format);
  return 0;
}

static int set_loopback_format(Device *device, struct v4l2_format *format) {
  if (device->is_busy_at_format) return fail(EBUSY);
  if (device->kept.width) format->fmt.pix.width = (uint32_t)device->kept.width;
  if (device->kept.width) format->fmt.pix.height = (uint32_t)device->kept.height;
  char path[600];
  const char *name = strrchr(device->path, '/') + 1;
  const struct v4l2_pix_format *pix = &format->fmt.pix;
  device->size = (Size){(int)pix->width, (int)pix->height};
  device->fourcc = pix->pixelformat;
  snprintf(path, sizeof path, "%.*s/format-%s", (int)(name - device->path - 1), device->path, name);
  FILE *file = fopen(path, "w");
  if (!file) return -1;
  fprintf(file, "%ux%u %.4s\n", pix->width, pix->height, (const char *)&pix->pixelformat);
  fclose(file);
  return ftruncate(device->descriptor, 0);
}

static int query_capabilities(const Device *device, struct v4l2_capability *answer) {
  uint32_t capabilities = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
  if (device->is_loopback && !device->is_taken) capabilities = V4L2_CAP_VIDEO_OUTPUT;
  if (device->is_loopback && device->is_shared) capabilities = V4L2_CAP_VIDEO_OUTPUT | V4L2_CAP_VIDEO_CAPTURE;
  memset(answer, 0, sizeof *answer);
  if (device->is_metadata) capabilities = V4L2_CAP_META_CAPTURE | V4L2_CAP_STREAMING;
  strcpy((char *)answer->driver, device->is_loopback ? "v4l2 loopback" : "uvcvideo");
  strcpy((char *)answer->card, device->card);
  strcpy((char *)answer->bus_info, "fake");
  answer->device_caps = capabilities | V4L2_CAP_READWRITE;
  answer->capabilities = answer->device_caps | V4L2_CAP_DEVICE_CAPS;
  return 0;
}

static int list_format(const Device *device, struct v4l2_fmtdesc *answer) {
  if (answer->index > (device->jpegs ? 1 : 0)) return fail(EINVAL);
  answer->pixelformat = answer->index ? V4L2_PIX_FMT_MJPEG : device->own_fourcc;
  answer->flags = answer->index ? V4L2_FMT_FLAG_COMPRESSED : 0;
  snprintf((char *)answer->description, sizeof answer->description, "%.4s", (const char *)&answer->pixelformat);
  return 0;
}

static int list_size(const Device *device, struct v4l2_frmsizeenum *answer) {
  if ((int)answer->index >= device->size_count) return fail(EINVAL);
  answer->type = V4L2_FRMSIZE_TYPE_DISCRETE;
  answer->discrete.width = (uint32_t)device->sizes[answer->index].width;
  answer->discrete.height = (uint32_t)device->sizes[answer->index].height;
  return 0;
}

static int list_interval(const Device *device, struct v4l2_frmivalenum *answer) {
  if (answer->index) return fail(EINVAL);
  answer->type = V4L2_FRMIVAL_TYPE_DISCRETE;
  answer->discrete = (struct v4l2_fract){1, (uint32_t)device->rate};
  return 0;
}

static int list_input(struct v4l2_input *answer) {
  if (answer->index) return fail(EINVAL);
  memset(answer, 0, sizeof *answer);
  strcpy((char *)answer->name, "Camera 1");
  answer->type = V4L2_INPUT_TYPE_CAMERA;
  return 0;
}

static int tell_rate(const Device *device, struct v4l2_streamparm *answer) {
  answer->parm.capture.capability = V4L2_CAP_TIMEPERFRAME;
  answer->parm.capture.timeperframe = (struct v4l2_fract){1, (uint32_t)device->rate};
  return 0;
}

static int make_buffers(Device *device, struct v4l2_requestbuffers *request) {
  if (request->memory != V4L2_MEMORY_MMAP) return fail(EINVAL);
  if (device->is_busy_at_buffers) return fail(EBUSY);
  if (request->count > MOST_BUFFERS) request->count = MOST_BUFFERS;
  device->buffer_count = (int)request->count;
  device->free_count = device->done_count = 0;
  return ftruncate(device->descriptor, (off_t)(request->count * stride_of(device)));
}

static int tell_buffer(const Device *device, struct v4l2_buffer *buffer) {
  if ((int)buffer->index >= device->buffer_count) return fail(EINVAL);
  buffer->length = (uint32_t)stride_of(device);
  buffer->m.offset = (uint32_t)(buffer->index * stride_of(device));
  return 0;
}

static int queue(Device *device, const struct v4l2_buffer *buffer) {
  if (device->free_count >= device->buffer_count) return fail(EINVAL);
  take_frames(device);
  device->free_buffers[device->free_count++] = (int)buffer->index;
  return 0;
}

static int start(Device *device) {
  device->started_ns = now_ns(CLOCK_MONOTONIC);
  device->taken = 0;
  device->is_streaming = 1;
  return 0;
}

static int answer(Device *device, uint32_t request, void *argument) {
  switch (request) {
    case VIDIOC_QUERYCAP: return query_capabilities(device, argument);
    case VIDIOC_ENUMINPUT: return list_input(argument);
    case VIDIOC_G_INPUT: return *(int *)argument = 0;
    case VIDIOC_S_INPUT: return 0;
    case VIDIOC_ENUM_FMT: return list_format(device, argument);
    case VIDIOC_ENUM_FRAMESIZES: return list_size(device, argument);
    case VIDIOC_ENUM_FRAMEINTERVALS: return list_interval(device, argument);
    case VIDIOC_G_FMT: return tell_format(device, argument), 0;
    case VIDIOC_S_FMT:
      if (device->is_loopback) return set_loopback_format(device, argument);
      return set_camera_format(device, argument, 0);
    case VIDIOC_TRY_FMT: return device->is_loopback ? 0 : set_camera_format(device, argument, 1);
    case VIDIOC_G_PARM:
    case VIDIOC_S_PARM: return tell_rate(device, argument);
    case VIDIOC_REQBUFS: return make_buffers(device, argument);
    case VIDIOC_QUERYBUF: return tell_buffer(device, argument);
    case VIDIOC_QBUF: return queue(device, argument);
    case VIDIOC_STREAMON: return start(device);
    case VIDIOC_STREAMOFF: return device->is_streaming = 0;
    default: return fail(ENOTTY);
  }
}

int ioctl(int descriptor, unsigned long request, ...) {
  va_list arguments;
  va_start(arguments, request);
  void *argument = va_arg(arguments, void *);
  va_end(arguments);
  Device *device = _IOC_TYPE(request) == 'V' ? device_of(descriptor) : NULL;
  if (!device) return REAL(ioctl)(descriptor, request, argument);
  if ((uint32_t)request == VIDIOC_DQBUF) return dequeue(device, argument);
  pthread_mutex_lock(&lock);
  int result = answer(device, (uint32_t)request, argument);
  pthread_mutex_unlock(&lock);
  return result;
}
