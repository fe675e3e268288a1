# pragma version 0.4.3
# pragma evm-version cancun
# ERC-20 with EIP-3009 transfers by authorisation. Serves as the test chain's USDC and as an influencer's own token.

from ethereum.ercs import IERC20

implements: IERC20

event Transfer:
    sender: indexed(address)
    receiver: indexed(address)
    value: uint256

event Approval:
    owner: indexed(address)
    spender: indexed(address)
    value: uint256

event AuthorizationUsed:
    authorizer: indexed(address)
    nonce: indexed(bytes32)

name: public(String[64])
symbol: public(String[16])
decimals: public(uint8)
version: public(constant(String[1])) = "2"
totalSupply: public(uint256)
balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])
authorizationState: public(HashMap[address, HashMap[bytes32, bool]])
# Who may make more of it; nobody (the zero address) means that the supply is fixed for ever.
minter: public(immutable(address))

DOMAIN_TYPEHASH: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
TRANSFER_WITH_AUTHORIZATION_TYPEHASH: public(constant(bytes32)) = keccak256(
    "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
)
# EIP-2: of the two signatures that fit a message only the one with the lower s counts.
HIGHEST_S: constant(uint256) = 57896044618658097711785492504343953926418782139537452191302581570759080747168


@deploy
def __init__(
    name_: String[64], symbol_: String[16], decimals_: uint8, supply: uint256, holder: address, minter_: address
):
    self.name = name_
    self.symbol = symbol_
    self.decimals = decimals_
    minter = minter_
    if supply > 0:
        self._mint(holder, supply)


@external
def transfer(receiver: address, amount: uint256) -> bool:
    self._move(msg.sender, receiver, amount)
    return True


@external
def transferFrom(owner: address, receiver: address, amount: uint256) -> bool:
    allowed: uint256 = self.allowance[owner][msg.sender]
    if allowed != max_value(uint256):
        assert allowed >= amount, "allowance too small"
        self.allowance[owner][msg.sender] = allowed - amount
    self._move(owner, receiver, amount)
    return True


@external
def approve(spender: address, amount: uint256) -> bool:
    self.allowance[msg.sender][spender] = amount
    log Approval(owner=msg.sender, spender=spender, value=amount)
    return True


@external
def mint(receiver: address, amount: uint256):
    assert msg.sender == minter, "not the minter"
    self._mint(receiver, amount)


@external
def transferWithAuthorization(
    owner: address,
    receiver: address,
    amount: uint256,
    validAfter: uint256,
    validBefore: uint256,
    nonce: bytes32,
    v: uint8,
    r: bytes32,
    s: bytes32,
):
    assert block.timestamp > validAfter, "authorization is not yet valid"
    assert block.timestamp < validBefore, "authorization is expired"
    assert not self.authorizationState[owner][nonce], "authorization is used"
    assert convert(s, uint256) <= HIGHEST_S, "invalid signature"
    said: bytes32 = keccak256(
        abi_encode(
            TRANSFER_WITH_AUTHORIZATION_TYPEHASH, owner, receiver, amount, validAfter, validBefore, nonce
        )
    )
    digest: bytes32 = keccak256(concat(b"\x19\x01", self._domain(), said))
    signer: address = ecrecover(digest, v, r, s)
    assert signer != empty(address) and signer == owner, "invalid signature"
    self.authorizationState[owner][nonce] = True
    log AuthorizationUsed(authorizer=owner, nonce=nonce)
    self._move(owner, receiver, amount)


@external
@view
def DOMAIN_SEPARATOR() -> bytes32:
    return self._domain()


@internal
@view
def _domain() -> bytes32:
    return keccak256(
        abi_encode(DOMAIN_TYPEHASH, keccak256(self.name), keccak256(version), chain.id, self)
    )


@internal
def _move(owner: address, receiver: address, amount: uint256):
    assert receiver != empty(address), "no receiver"
    assert self.balanceOf[owner] >= amount, "balance too small"
    self.balanceOf[owner] -= amount
    self.balanceOf[receiver] += amount
    log Transfer(sender=owner, receiver=receiver, value=amount)


@internal
def _mint(receiver: address, amount: uint256):
    assert receiver != empty(address), "no receiver"
    self.totalSupply += amount
    self.balanceOf[receiver] += amount
    log Transfer(sender=empty(address), receiver=receiver, value=amount)
