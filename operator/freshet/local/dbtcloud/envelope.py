"""Every answer's frame: ``{"status": …, "data": …, "extra": …}``, for errors too."""

from typing import Any

__all__ = ["ApiError", "bad_request", "not_found", "success", "unauthorized"]

INVALID = "The request was invalid. Please double check the provided data and try again."
MISSING = "The requested resource was not found. Please check that you have the proper permissions."


class ApiError(Exception):
    """An answer that is not a success: its HTTP status, sentence, details and headers."""

    def __init__(self, code: int, message: str, data: Any = None, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.data, self.headers = code, message, data, headers or {}

    def body(self) -> dict[str, Any]:
        """The envelope."""
        return {**_frame(self.code, self.message, self.data), "extra": {}, "error_code": None}


def success(data: Any, extra: dict[str, Any] | None = None) -> dict[str, Any]:
    """The envelope of a 200."""
    return {**_frame(200, "Success!", data), "extra": extra or {}}


def bad_request(details: str) -> ApiError:
    """400; `details` say what was wrong, as the service puts them into ``data``."""
    return ApiError(400, INVALID, details)


def not_found() -> ApiError:
    """404, also for what the token may not see."""
    return ApiError(404, MISSING, {})


def unauthorized(message: str) -> ApiError:
    """401."""
    return ApiError(401, message, {})


def _frame(code: int, message: str, data: Any) -> dict[str, Any]:
    status = {"code": code, "is_success": code < 400, "user_message": message, "developer_message": ""}
    return {"status": status, "data": data}
