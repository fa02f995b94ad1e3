# highlightr in a container, for hosts with or without a GPU.
#
#   docker build -t highlightr .                                                     GPU hosts: every preset
#   docker build -t highlightr:lite --build-arg EXTRAS= .                            the preset lite alone, without torch
#   docker build --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cpu .      every preset, without CUDA
#   docker build --build-arg WEIGHTS="clip-vit-b32-laion2b" .                        with weights baked in
#
# There is no CUDA base image: torch's own wheels bring the CUDA runtime and cuDNN that they were built with, and one in
# the base would be a second copy beside them. The host supplies the driver (NVIDIA Container Toolkit, `--gpus all`).

ARG PYTHON=3.11
ARG DEBIAN=bookworm

FROM python:${PYTHON}-slim-${DEBIAN} AS build

ARG TORCH_INDEX=https://pypi.org/simple
ARG EXTRAS=backbones,ray,web

ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore

WORKDIR /src
RUN python -m venv /opt/highlightr

# The large part first, so that a change of highlightr's own code leaves its layer alone.
COPY constraints.txt ./
RUN case ",${EXTRAS}," in *,backbones,*|*,train,*|*,all,*) \
        /opt/highlightr/bin/pip install --index-url "${TORCH_INDEX}" -c constraints.txt torch torchvision ;; \
    esac

COPY pyproject.toml README.md CHANGELOG.md LICENSE NOTICE ./
COPY models ./models
COPY highlightr ./highlightr
RUN /opt/highlightr/bin/pip install -c constraints.txt ".${EXTRAS:+[${EXTRAS}]}"


FROM python:${PYTHON}-slim-${DEBIAN}

LABEL org.opencontainers.image.title="highlightr" \
      org.opencontainers.image.description="Turns a raw video into the part worth watching, and says why." \
      org.opencontainers.image.licenses="Apache-2.0"

# 1777: whoever runs the container (`--user`) can keep models and features there.
RUN useradd --uid 1000 --create-home highlightr \
    && install --directory --owner=highlightr --mode=1777 /var/lib/highlightr \
    && install --directory --owner=highlightr --mode=1777 /data

COPY --from=build /opt/highlightr /opt/highlightr

ENV PATH=/opt/highlightr/bin:$PATH \
    HIGHLIGHTR_HOME=/var/lib/highlightr \
    PYTHONUNBUFFERED=1 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility

USER 1000
WORKDIR /data

# Weights are fetched into the volume below by `highlightr models pull`, or are part of the image from the start.
ARG WEIGHTS=""
RUN if [ -n "${WEIGHTS}" ]; then highlightr models pull ${WEIGHTS}; fi

VOLUME ["/var/lib/highlightr"]
HEALTHCHECK --interval=5m --timeout=60s --start-period=30s CMD ["highlightr", "doctor", "--json"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["highlightr"]
CMD ["--help"]
