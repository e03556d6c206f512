Attribute VB_Name = "kpi_udfs_call"
' How a KPI function gets its answer: the arguments' values go to Python, what comes back goes into the cell.
'
' Values are sent, not ranges: a range that Python had to ask for its cells would take a hundred times as long.
' Nothing that goes wrong here reaches a cell as text; it shows as #VALUE!.
'
' Functions also run while somebody fills in Excel's function wizard, which shows their result. Excel has no
' reliable sign that the wizard is open: the usual one is also there while other windows wait for an answer,
' and whoever skipped the call then would leave zeros in cells.
Option Explicit
Option Private Module

' The Python function that answers, in its module.
Private Const DOOR_MODULE As String = "kpi_udfs.hosts.excel"
Private Const DOOR As String = "ANSWER"

' A start that fails can block Excel for two minutes. For so many seconds it isn't tried again.
Private Const PAUSE As Long = 60
' One that fails within fewer seconds was not waited for, and another try costs nothing.
Private Const AT_ONCE As Long = 5

Private server As Object
Private pausedUntil As Date
Private spaces As Long

' What belongs in the cell. given: the arguments; more: those of an argument that repeats.
Public Function AnswerOf(ByVal kpi As String, ByVal given As Variant, Optional ByVal more As Variant) As Variant
    #If Mac Then
        ' There is no COM server here; xlwings Lite is the way on a Mac.
        AnswerOf = CVErr(xlErrValue)
    #Else
        On Error GoTo Failed
        If Not IsMissing(more) Then given = Joined(given, more)
        AnswerOf = AsCells(Asked(QuestionOf(kpi, given)))
        Exit Function
Failed:
        AnswerOf = CVErr(xlErrValue)
    #End If
End Function

' ---------------------------------------------------------------------------------------- what is sent

' The KPI's name, the date system and the folder of the calling workbook, then the arguments' values.
Private Function QuestionOf(ByVal kpi As String, ByVal given As Variant) As Variant
    Dim sent() As Variant, book As Workbook
    Dim number As Long, tall As Long, wide As Long
    ReDim sent(0 To 3 + UBound(given))
    Set book = CallingBook()
    sent(0) = kpi
    sent(1) = 1900
    sent(2) = ""
    If Not book Is Nothing Then
        If book.Date1904 Then sent(1) = 1904
        ' In the cloud there is no folder that Python could look into.
        If InStr(book.Path, "://") = 0 Then sent(2) = book.Path
    End If
    tall = 1
    wide = 1
    For number = 0 To UBound(given)
        If IsObject(given(number)) Then Measure given(number), tall, wide
    Next number
    For number = 0 To UBound(given)
        If IsObject(given(number)) Then
            sent(3 + number) = ValuesOf(given(number), tall, wide)
        Else
            sent(3 + number) = given(number)
        End If
    Next number
    QuestionOf = sent
End Function

Private Function CallingBook() As Workbook
    If TypeName(Application.Caller) = "Range" Then
        Set CallingBook = Application.Caller.Worksheet.Parent
    Else
        Set CallingBook = ActiveWorkbook
    End If
End Function

' Raises the rows and columns that a call needs to those of this range which lie in the used part of its sheet.
' All ranges of a call are cut by the same numbers, so that columns of equal length stay so. Only the end is
' cut: rows are counted from the first one in messages.
Private Sub Measure(ByVal area As Range, ByRef tall As Long, ByRef wide As Long)
    Dim used As Range
    ' Rows of a range in several parts have no numbers.
    If area.Areas.Count > 1 Then Err.Raise 13
    Set used = area.Worksheet.UsedRange
    tall = Larger(tall, Smaller(area.Rows.Count, used.Row + used.Rows.Count - area.Row))
    wide = Larger(wide, Smaller(area.Columns.Count, used.Column + used.Columns.Count - area.Column))
End Sub

' Value2 gives dates as serial numbers and amounts in full, as every other host does.
Private Function ValuesOf(ByVal area As Range, ByVal tall As Long, ByVal wide As Long) As Variant
    ValuesOf = area.Resize(Smaller(area.Rows.Count, tall), Smaller(area.Columns.Count, wide)).Value2
End Function

' Two lists of arguments as one.
Private Function Joined(ByVal given As Variant, ByVal more As Variant) As Variant
    Dim both() As Variant, number As Long, first As Long
    first = UBound(given) + 1
    ReDim both(0 To first + UBound(more))
    For number = 0 To UBound(both)
        If number < first Then
            Take both, number, given(number)
        Else
            Take both, number, more(number - first)
        End If
    Next number
    Joined = both
End Function

Private Sub Take(ByRef list() As Variant, ByVal number As Long, Optional ByVal argument As Variant)
    If IsObject(argument) Then
        Set list(number) = argument
    Else
        list(number) = argument
    End If
End Sub

Private Function Larger(ByVal one As Long, ByVal other As Long) As Long
    Larger = IIf(one > other, one, other)
End Function

Private Function Smaller(ByVal one As Long, ByVal other As Long) As Long
    Smaller = IIf(one < other, one, other)
End Function

' ---------------------------------------------------------------------------------------- the server

' Python's answer. A server that is gone is started again, once.
Private Function Asked(ByVal question As Variant) As Variant
    If Not server Is Nothing Then
        On Error Resume Next
        ' In parentheses the cells go one way; without, the server would send them all back.
        Asked = server.CallUDF(DOOR_MODULE, DOOR, (question))
        If Err.Number = 0 Then Exit Function
        On Error GoTo 0
        Set server = Nothing
    End If
    Set server = Started()
    Asked = server.CallUDF(DOOR_MODULE, DOOR, (question))
End Function

Private Function Started() As Object
    Dim begun As Date
    If Now < pausedUntil Then Err.Raise 5
    On Error GoTo Failed
    If Not CanStart() Then Err.Raise 53
    begun = Now
    On Error Resume Next
    Set Started = XLPy()
    If Err.Number = 0 Then Exit Function
    On Error GoTo Failed
    If DateDiff("s", begun, Now) >= AT_ONCE Then Err.Raise 5
    Set Started = StartedUnderAnotherName()
    Exit Function
Failed:
    pausedUntil = DateAdd("s", PAUSE, Now)
    Err.Raise 5
End Function

' xlwings' library keeps a name for the server of each command line, and a server that was ended by force may not
' start again under its name. One more space makes another command line of it.
Private Function StartedUnderAnotherName() As Object
    Dim found As Variant
    spaces = spaces + 1
    If XLPyDLLActivateAuto(found, XLPyCommand() & Space$(spaces), 1) <> 0 Then Err.Raise 5
    Set StartedUnderAnotherName = found
End Function

' Whether the interpreter that the configuration names is there. Names that Windows or conda look up can't be
' checked so.
Private Function CanStart() As Boolean
    Dim interpreter As String
    interpreter = GetConfig("INTERPRETER_WIN", "")
    If interpreter = "" Then interpreter = GetConfig("INTERPRETER", "pythonw")
    If interpreter = "python" Or interpreter = "pythonw" Then
        CanStart = True
    Else
        CanStart = FileExists(interpreter)
    End If
End Function

' ---------------------------------------------------------------------------------------- what comes back

' The result with its error texts as errors: a cell, a row (which arrives without its second dimension) or a block.
Private Function AsCells(ByVal result As Variant) As Variant
    Dim row As Long, column As Long
    If Not IsArray(result) Then
        AsCells = AsCell(result)
        Exit Function
    End If
    If IsBlock(result) Then
        For row = LBound(result, 1) To UBound(result, 1)
            For column = LBound(result, 2) To UBound(result, 2)
                result(row, column) = AsCell(result(row, column))
            Next column
        Next row
    Else
        For column = LBound(result) To UBound(result)
            result(column) = AsCell(result(column))
        Next column
    End If
    AsCells = result
End Function

Private Function IsBlock(ByRef cells As Variant) As Boolean
    Dim last As Long
    On Error Resume Next
    last = UBound(cells, 2)
    IsBlock = (Err.Number = 0)
End Function

' Python can't send errors, only their texts.
Private Function AsCell(ByVal value As Variant) As Variant
    AsCell = value
    If VarType(value) <> vbString Then Exit Function
    Select Case value
        Case "#DIV/0!": AsCell = CVErr(xlErrDiv0)
        Case "#N/A": AsCell = CVErr(xlErrNA)
        Case "#NAME?": AsCell = CVErr(xlErrName)
        Case "#NULL!": AsCell = CVErr(xlErrNull)
        Case "#NUM!": AsCell = CVErr(xlErrNum)
        Case "#REF!": AsCell = CVErr(xlErrRef)
        Case "#VALUE!": AsCell = CVErr(xlErrValue)
    End Select
End Function
