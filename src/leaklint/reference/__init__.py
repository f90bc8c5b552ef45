"""The worked example: a multi-query transform that evicts every client it puts into its cache.

It asks a language model several questions about every row of a batch, and needs the extra of its name
(``pip install flake8-leaklint[reference]``)::

    from leaklint.reference.configuration import load_config
    from leaklint.reference.contexts import BatchContext
    from leaklint.reference.transform import MultiQueryTransform

    config = load_config(
        {
            "endpoint": {"url": "https://example.openai.azure.com", "deployment": "gpt-4o-mini"},
            "queries": [
                {"name": "summary", "template": "Summarise in one sentence: $text"},
                {"name": "language", "template": "Name the language of: $text"},
            ],
        }
    )
    with MultiQueryTransform(config) as transform:
        result = transform.process_batch([{"text": "Bonjour"}], BatchContext(state_id="batch-001"))
        for row in result.rows:
            print(row["summary"], row["language"], row.get("_error"))
"""
