"""Classes, private names and qualified names."""


@register
class Pool(Base, Generic[T], metaclass=Meta):
    __shared: dict = {}
    limit = 10

    def __init__(self):
        self.__clients = {}
        self.__dunder__ = __free

    def __evict(self, __key):
        self.__clients.pop(__key, None)

    class __Inner:
        def method(self):
            class Local:
                def deep(self):
                    return self.__own

            return Local

    @property
    def size(self):
        return len(self.__clients)


class _Leading:
    __name = 1


class __:
    __name = 1
