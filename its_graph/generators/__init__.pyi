from its_graph.generators.cassette import record as record
from its_graph.generators.cassette import replay as replay
from its_graph.generators.openai import OpenAIGenerator as OpenAIGenerator
from its_graph.generators.team import Team as Team
from its_graph.generators.transformers import TransformersGenerator as TransformersGenerator
from its_graph.generators.vllm import VLLMGenerator as VLLMGenerator
