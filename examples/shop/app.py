"""The shop's app, as it runs in production; its tests never go there."""

from pynenc import Pynenc, PynencBuilder

app: Pynenc = (
    PynencBuilder()
    .app_id("shop")
    .mongo(url="mongodb://mongo.shop.example:27017/shop")
    .persistent_process_runner(num_processes=4)
    .build()
)
