"""Read of the caller's own account with fastapi-users: its JWT strategy, SQLAlchemy, aiosqlite. Settings: DATABASE."""

import os
import uuid

from fastapi import Depends, FastAPI
from fastapi_users import BaseUserManager, FastAPIUsers, UUIDIDMixin, schemas
from fastapi_users.authentication import AuthenticationBackend, BearerTransport, JWTStrategy
from fastapi_users.db import SQLAlchemyBaseUserTableUUID, SQLAlchemyUserDatabase
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

SECRET = "a secret of at least thirty-two bytes"


class Base(DeclarativeBase):
    """Base class of the tables."""


class User(SQLAlchemyBaseUserTableUUID, Base):
    """Account."""


class UserManager(UUIDIDMixin, BaseUserManager[User, uuid.UUID]):
    """Account manager."""

    reset_password_token_secret = verification_token_secret = SECRET


engine = create_async_engine(f"sqlite+aiosqlite:///{os.environ['DATABASE']}")
sessions = async_sessionmaker(engine, expire_on_commit=False)


async def user_database():
    async with sessions() as session:
        yield SQLAlchemyUserDatabase(session, User)


async def user_manager(database=Depends(user_database)):
    yield UserManager(database)


backend = AuthenticationBackend(
    name="jwt",
    transport=BearerTransport(tokenUrl="login"),
    get_strategy=lambda: JWTStrategy(secret=SECRET, lifetime_seconds=12 * 3600),
)
users = FastAPIUsers[User, uuid.UUID](user_manager, [backend])
app = FastAPI()
app.include_router(users.get_auth_router(backend))
app.include_router(users.get_register_router(schemas.BaseUser[uuid.UUID], schemas.BaseUserCreate))
app.include_router(users.get_users_router(schemas.BaseUser[uuid.UUID], schemas.BaseUserUpdate), prefix="/users")


@app.on_event("startup")
async def migrate():
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)


@app.get("/health/live")
async def live():
    return {"status": "ok"}
