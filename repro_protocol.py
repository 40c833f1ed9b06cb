from tests.unit.dbtcloud.test_protocol_model import *
import tests.unit.dbtcloud.test_protocol_model as m
cls = m.TestProtocol.__mro__
P = m.Protocol
state = P()
state.set_up(skew=0, limit=1, alike=False)
state.need(at=0); state.need(at=1); state.plan(at=0); state.plan(at=1)
state.name_another_host(at=0); state.name_another_host(at=1)
state.plan(at=1); state.plan(at=0)
state.name_another_host(at=0)
state.teardown()
