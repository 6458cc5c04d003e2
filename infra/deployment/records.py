"""The one table, with a key of its own, and what functions may do with its items."""

from __future__ import annotations

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.functions import EVERYTHING, Function
from infra.settings import Settings
from remit.stores.dynamodb.layout import CHANGED, LEDGER, TENANT_CHAIN, TENANTS
from remit.stores.dynamodb.table import FORMAT, INDEXES, PARTITION, SORT, TIME_TO_LIVE, Index

READING = ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:ConditionCheckItem"]
"""`TransactGetItems` asks for the first; a condition on what was read is no write."""


class Records(Construct):
    def __init__(self, scope: Construct, settings: Settings) -> None:
        super().__init__(scope, "Records")
        removal = RemovalPolicy.RETAIN if settings.retain else RemovalPolicy.DESTROY
        self.key = kms.Key(
            self, "Key", description=f"{settings.name}: records", enable_key_rotation=True, removal_policy=removal
        )
        self._let_the_table_s_users_use_the_key()
        self.table = dynamodb.Table(
            self,
            "Table",
            partition_key=_text(PARTITION),
            sort_key=_text(SORT),
            time_to_live_attribute=TIME_TO_LIVE,
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
            encryption_key=self.key,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=settings.retain,
            removal_policy=removal,
        )
        for index in INDEXES:
            self._add(index)

    def _add(self, index: Index) -> None:
        self.table.add_global_secondary_index(
            index_name=index.name,
            partition_key=_text(index.partition),
            sort_key=_text(index.sort),
            projection_type=dynamodb.ProjectionType.INCLUDE if index.beside else dynamodb.ProjectionType.KEYS_ONLY,
            non_key_attributes=list(index.beside) or None,
        )

    def _let_the_table_s_users_use_the_key(self) -> None:
        # In the key's policy and not in each role's: who may use the table may use it through DynamoDB alone.
        stack = Stack.of(self)
        self.key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.AnyPrincipal()],
                actions=["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
                resources=["*"],
                conditions={
                    "StringEquals": {
                        "kms:CallerAccount": stack.account,
                        "kms:ViaService": f"dynamodb.{stack.region}.amazonaws.com",
                    }
                },
            )
        )

    def statements(self, function: Function) -> list[iam.PolicyStatement]:
        """What the function may do: read everything, write and delete only its own kinds of records."""
        table = self.table.table_arn
        reading = iam.PolicyStatement(
            sid="ReadRecords", actions=READING, resources=[table, *(f"{table}/index/{index.name}" for index in INDEXES)]
        )
        written = [*_of(function.writes), *_marks(), *_ledger(function)]
        writing = [self._under("WriteOwnKinds", "dynamodb:PutItem", written)]
        deleting = [self._under("DeleteOwnKinds", "dynamodb:DeleteItem", _of(function.deletes))]
        return [reading, *(writing if function.writes else []), *(deleting if function.deletes else [])]

    def _under(self, sid: str, action: str, keys: list[str]) -> iam.PolicyStatement:
        return iam.PolicyStatement(
            sid=sid,
            actions=[action],
            resources=[self.table.table_arn],
            conditions={
                "ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys},
                "Null": {"dynamodb:LeadingKeys": "false"},
                # The store writes nothing outside of a transaction, whose conditions it always states; IAM knows no
                # key that would ask for the conditions themselves.
                "StringEquals": {"dynamodb:EnclosingOperation": "TransactWriteItems"},
            },
        )


def _of(kinds: frozenset[str]) -> list[str]:
    """Partition keys are `tenant#kind#part`, and no tenant's name has a `#`."""
    return ["*#*#*"] if kinds == EVERYTHING else [f"*#{kind}#*" for kind in sorted(kinds)]


def _ledger(function: Function) -> list[str]:
    """Nobody updates or deletes an entry: there is no statement that allows it."""
    return [f"*#{LEDGER}#{TENANT_CHAIN if function.own_chain_only else '*'}"]


def _marks() -> list[str]:
    """Of the table, of tenants that have something and of those whose ledgers change; they begin with a star."""
    return [f"${{*}}{name.removeprefix('*')}" for name in (TENANTS, f"{CHANGED}#*", FORMAT[0])]


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
